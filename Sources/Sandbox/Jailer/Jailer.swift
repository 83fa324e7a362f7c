// SPDX-License-Identifier: Apache-2.0
internal import LinuxSystem
package import Logging

/// Makes sandboxes by way of a jailer process, which it starts when the first is wanted and again should one have died.
package actor Jailer {
    private let command: [String]
    private let options: JailerOptions
    private let logger: Logger
    private var current: JailerClient?

    /// `command` is the path of the martlet executable, and arguments that it does not need.
    package init(command: [String], options: JailerOptions, logger: Logger) {
        self.command = command
        self.options = options
        self.logger = logger
    }

    /// The jailer's executable, as the images that it makes name it.
    nonisolated var program: String { command.first ?? "" }

    /// The executable of this process itself.
    package static let ownExecutable = ["/proc/self/exe"]

    /// Throws `SandboxError`.
    package func start(_ specification: SandboxSpecification) async throws -> any Sandbox {
        try await start(specification, from: nil)
    }

    /// `image` is the folder of what the sandbox begins as a copy of; without one, it executes its command.
    func start(_ specification: SandboxSpecification, from image: String?) async throws -> any Sandbox {
        try specification.checkForJailer()
        let client = try client()
        let scratch = options.isPlain ? "\(client.scratch)/\(specification.id)" : nil
        let sharesNetwork = options.isPlain || specification.network == .host
        let view = sharesNetwork ? try SharedView(specification, scratch: scratch) : nil
        do {
            return try await client.start(specification, from: image, view)
        } catch {
            view?.abandon()
            throw error
        }
    }

    private func client() throws -> JailerClient {
        if let current, !current.isOver { return current }
        let client = try JailerClient.launch(command: command, options: options, logger: logger)
        current = client
        return client
    }

    /// What the jailer finds on the host.
    package func examineHost() async -> [HostCheck] {
        do {
            return try JailerClient.examine(command: command)
        } catch {
            return [HostCheck("jailer", .missing, "\(error)")]
        }
    }

    package func shutDown() async {
        guard let client = current else { return }
        current = nil
        await client.shutDown()
    }
}
