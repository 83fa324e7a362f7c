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
            return try await start(specification, from: image, on: client, view)
        } catch {
            view?.abandon()
            throw error
        }
    }

    private nonisolated func start(
        _ specification: SandboxSpecification,
        from image: String?,
        on client: JailerClient,
        _ view: SharedView?
    ) async throws -> any Sandbox {
        var writer = JailerWriter()
        var seen = view?.applied(to: specification) ?? specification
        if view != nil { seen.network = .host }
        if let image { writer.string(image) }
        writer.specification(seen)
        let answer = try await client.call(image == nil ? .start : .restore, writer.bytes)
        var contents = try answer.contents()
        let handle = contents.u64()
        let hasPeak = contents.u32() == 1
        guard let output = answer.descriptors.first, !contents.isBroken else {
            answer.descriptors.closeAll()
            throw SandboxError(.failed, "The jailer's answer cannot be read")
        }
        var sockets = Array(answer.descriptors.dropFirst())
        let peak = hasPeak ? sockets.popLast() : nil
        let claimLine = specification.awaitsClaim ? sockets.popLast() : nil
        let sandbox = JailedSandbox(
            specification,
            client: client,
            handle: handle,
            output: output,
            listeners: view?.listeners ?? sockets,
            claimLine: claimLine,
            memoryPeak: peak,
            view: view
        )
        client.register(sandbox, handle: handle)
        return sandbox
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
