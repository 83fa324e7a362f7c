// SPDX-License-Identifier: Apache-2.0
package import LinuxSystem
package import Logging

extension JailerClient {
    /// `image` is the folder of what the sandbox begins as a copy of; without one, it executes its command.
    /// Throws `SandboxError`.
    func start(
        _ specification: SandboxSpecification,
        from image: String? = nil,
        _ view: SharedView?
    ) async throws -> JailedSandbox {
        var writer = JailerWriter()
        var seen = view?.applied(to: specification) ?? specification
        if view != nil { seen.network = .host }
        if let image { writer.string(image) }
        writer.specification(seen)
        let answer = try await call(image == nil ? .start : .restore, writer.bytes, mounts: specification.mounts)
        var contents = try answer.contents()
        let handle = contents.u64()
        let hasPeak = contents.u32() == 1 && carriesFiles
        guard let output = answer.descriptors.first, !contents.isBroken else {
            answer.descriptors.closeAll()
            throw SandboxError(.failed, "The jailer's answer cannot be read")
        }
        var sockets = Array(answer.descriptors.dropFirst())
        let peak = hasPeak ? sockets.popLast() : nil
        let claimLine = specification.awaitsClaim ? sockets.popLast() : nil
        let egress = seen.network == .egress ? SandboxEgress(takingFrom: &sockets) : nil
        let sandbox = JailedSandbox(
            specification,
            client: self,
            handle: handle,
            output: output,
            listeners: view?.listeners ?? sockets,
            egress: egress,
            claimLine: claimLine,
            memoryPeak: peak,
            view: view
        )
        register(sandbox, handle: handle)
        return sandbox
    }
}

/// A jailer that somebody else has started, in a machine of its own, for one sandbox.
package struct GuestJailer: Sendable {
    private let client: JailerClient

    /// Greets it, on a thread of its own, since a guest may take its time; a line that does not answer is hung up and
    /// disposed of. Throws `SandboxError`.
    package static func greet(over line: any JailerLine, logger: Logger) async throws -> GuestJailer {
        let client = try await withCheckedThrowingContinuation { continuation in
            do {
                try detachThread(named: "greeting") {
                    let options = JailerOptions(isPlain: false)
                    continuation.resume(with: Result { try JailerClient.open(line, options: options, logger: logger) })
                }
            } catch {
                line.dispose()
                continuation.resume(throwing: SandboxError(jailer: error))
            }
        }
        return GuestJailer(client: client)
    }

    /// The sandbox's listeners stay in the machine. Throws `SandboxError`.
    package func start(_ specification: SandboxSpecification) async throws -> any Sandbox {
        try specification.checkForJailer()
        return try await client.start(specification, nil)
    }

    /// Hangs up, and waits until the line has been disposed of.
    package func close() async { await client.shutDown() }
}
