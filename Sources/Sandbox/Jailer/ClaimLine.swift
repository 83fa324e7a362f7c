// SPDX-License-Identifier: Apache-2.0
internal import LinuxSystem

/// The way to the first process of a sandbox that awaits its claim: one word there, and a failure back.
struct ClaimLine: Sendable {
    /// Owned: whoever takes the line out of its sandbox closes it.
    let socket: FileDescriptor
    var isUsed = false

    /// As much as a socket takes at once on every Linux.
    private static let maximumBytes = 64 << 10

    init(_ socket: FileDescriptor) { self.socket = socket }

    func close() { socket.close() }

    func say(_ word: SandboxClaim.Word) throws {
        switch word {
        case .silence: return
        case .text(let bytes): try send(bytes)
        case .command(let command, let environment, let directory):
            try SandboxSpecification.check([directory], command, environment)
            var body = JailerWriter()
            body.command(command, environment, in: directory)
            var message = JailerWriter()
            message.u32(UInt32(clamping: body.bytes.count))
            try send(message.bytes + body.bytes)
        case .snapshot(let snapshot):
            guard let snapshot = snapshot as? JailedSnapshot else {
                throw SandboxError(.badSpecification, "The snapshot is of another kind of sandbox")
            }
            let files = try snapshot.folder.open()
            defer { files.closeAll() }
            try socket.pass(JailerNumber.lateImage, with: files)
        }
    }

    private func send(_ bytes: [UInt8]) throws {
        guard bytes.count <= Self.maximumBytes else {
            throw SandboxError(
                .badSpecification,
                "A claim's word has at most \(Self.maximumBytes) bytes, not \(bytes.count)"
            )
        }
        try socket.sendAtOnce(bytes)
    }

    /// Why the command could not be executed; nil when it was, or when nobody says.
    var failure: SandboxError? {
        JailerFailure(late: socket.receiveAtOnce(upTo: 8 << 10)).map { SandboxError(jailer: $0) }
    }
}
