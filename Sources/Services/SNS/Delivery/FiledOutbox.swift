// SPDX-License-Identifier: Apache-2.0
import AWSWire
import Glibc
package import MartletCore
import NIOPosix

/// Keeps what would leave over other networks: e-mails as files of a directory, text messages and pushes as lines of
/// CloudWatch Logs, in the groups that AWS writes its delivery records to.
package struct FiledOutbox: Outbox {
    /// The oldest go first.
    static let maximumFiles = 10_000

    private let directory: String
    private let log: any LogSink

    /// The directory is made when the first e-mail comes.
    package init(directory: String, log: any LogSink) {
        self.directory = directory
        self.log = log
    }

    package func put(_ letter: OutboxLetter) async throws {
        switch letter.channel {
        case .email: try await file(letter)
        case .sms: try await note(letter, group: "DirectPublishToPhoneNumber")
        case .application:
            let names = (ARN(letter.recipient)?.resource ?? "").split(separator: "/")
            try await note(letter, group: "app/\(names.dropFirst().prefix(2).joined(separator: "/"))")
        }
    }

    private func note(_ letter: OutboxLetter, group: String) async throws {
        let line = JSONValue.text([
            (
                "notification",
                .object([
                    .init("messageId", .string(letter.messageID)),
                    .init("timestamp", .string(letter.sentAt.iso8601Milliseconds)),
                ])
            ),
            (
                "delivery",
                .object([.init("destination", .string(letter.recipient)), .init("message", .string(letter.body))])
            ),
            ("status", .string("LOGGED")),
        ])
        try await log.append(
            [LogRecord(timestamp: letter.sentAt, message: line)],
            toGroup: "sns/\(letter.scope.region)/\(letter.scope.account)/\(group)",
            stream: String(letter.sentAt.iso8601.prefix(10)),
            in: letter.scope
        )
    }

    // MARK: Files

    private func file(_ letter: OutboxLetter) async throws {
        let folder = MailFolder(path: directory)
        let name =
            "\(letter.sentAt.milliseconds)-\(SecretHash.of("\(letter.messageID) \(letter.recipient)").prefix(24)).eml"
        let text = """
            From: "\(Self.headerText(letter.sender))" <no-reply@sns.amazonaws.com>
            To: \(Self.headerText(letter.recipient))
            Subject: \(Self.headerText(letter.subject))
            Message-ID: <\(letter.messageID)@sns.amazonaws.com>
            Date: \(letter.sentAt.iso8601)
            MIME-Version: 1.0
            Content-Type: text/plain; charset=UTF-8
            Content-Transfer-Encoding: 8bit

            \(letter.body)
            """
        try await NIOThreadPool.singleton.runIfActive {
            try folder.put(name, Array(text.utf8))
            try folder.trim(to: Self.maximumFiles)
        }
    }

    /// Nothing that a caller wrote begins a header of its own.
    private static func headerText(_ text: String) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.map { $0.value < 0x20 || $0 == "\"" ? " " : $0 }))
    }
}

/// A directory of small files, each whole or not there. Blocking.
private struct MailFolder {
    let path: String

    func put(_ name: String, _ bytes: [UInt8]) throws {
        if mkdir(path, 0o700) != 0, errno != EEXIST { throw failure("make the directory") }
        let temporary = "\(path)/.\(name)"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw failure("write an e-mail") }
        defer { close(descriptor) }
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 || errno == EINTR else { throw failure("write an e-mail") }
            rest = rest.dropFirst(max(0, count))
        }
        guard fsync(descriptor) == 0, rename(temporary, "\(path)/\(name)") == 0 else {
            throw failure("write an e-mail")
        }
    }

    /// Names begin with their time.
    func trim(to count: Int) throws {
        guard let directory = opendir(path) else { throw failure("list the e-mails") }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name.hasSuffix(".eml"), !name.hasPrefix(".") { names.append(name) }
        }
        guard names.count > count else { return }
        for name in names.sorted().prefix(names.count - count) { unlink("\(path)/\(name)") }
    }

    private func failure(_ action: String) -> MartletError {
        MartletError("sns.outbox", "cannot \(action) in \(path): \(String(cString: strerror(errno)))")
    }
}
