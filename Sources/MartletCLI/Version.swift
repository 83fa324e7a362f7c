// SPDX-License-Identifier: Apache-2.0
package import ArgumentParser
import MartletServer

/// `martlet version`
package struct Version: ParsableCommand {
    package static let configuration = CommandConfiguration(abstract: "Print the version.")

    package init() {}

    package func run() { FileHandles.standardOutput("martlet \(MartletVersion.current)\n") }
}
