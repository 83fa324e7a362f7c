// SPDX-License-Identifier: Apache-2.0
package import ArgumentParser
import Lambda
import MartletCore
import Sandbox
import SandboxMicroVM
import SandboxNamespaces
import SandboxProcess

/// `martlet doctor`: what this host offers, item by item, and what to do about the rest.
package struct Doctor: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        abstract: "Check what this host offers: sandboxes, limits, runtimes.",
        discussion: "The exit status is 0 when functions can run in the default sandbox, 1 when they cannot."
    )

    @Option(help: "The server's data directory. (default: ~/.martlet, as root /var/lib/martlet)")
    var dataDir: String?

    package init() {}

    package func run() async throws {
        let drivers: [any SandboxDriver] = [
            NamespaceDriver(), MicroVMDriver(MicroVMOptions(directory: "/tmp")), ProcessDriver(),
        ]
        var isUsable = false
        for driver in drivers {
            FileHandles.standardOutput("\(driver.name)\n  \(driver.guarantee)\n")
            let checks = await driver.examineHost()
            checks.forEach(Self.print)
            if driver.name == "namespace" { isUsable = !checks.contains { $0.result == .missing } }
            FileHandles.standardOutput("\n")
        }
        FileHandles.standardOutput(
            "martlet serve --sandbox chooses one for all functions, --function-sandbox PATTERN=SANDBOX for some.\n\n"
        )
        FileHandles.standardOutput("runtimes\n")
        let sdks = RuntimeSDKs(data: dataDir ?? DefaultDirectory.data)
        for line in RuntimeReport(finder: .ofThisHost(), sdks: sdks).lines {
            FileHandles.standardOutput("  \(line)\n")
        }
        guard isUsable else {
            FileHandles.standardError(
                "\nFunctions cannot run in the default sandbox here. See the lines marked ✗, or use: martlet serve --sandbox process\n"
            )
            throw ExitCode(1)
        }
    }

    private static func print(_ check: HostCheck) {
        let mark =
            switch check.result {
            case .present: "✓"
            case .degraded: "–"
            case .missing: "✗"
            }
        FileHandles.standardOutput("  \(mark) \(check.item): \(check.detail)\n")
    }
}
