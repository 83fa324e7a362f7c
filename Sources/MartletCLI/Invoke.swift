import AWSWire
// SPDX-License-Identifier: Apache-2.0
package import ArgumentParser
import Glibc
import MartletCore
import NIOCore

/// `martlet invoke NAME`: runs a function and prints its answer. AWS: Invoke
package struct Invoke: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        abstract: "Run a function and print its answer.",
        discussion: """
            The answer goes to standard output, the log (with --log) to standard error. The exit status is 0 when the function
            succeeded, 1 when it failed or could not be run.

            EXAMPLES
              martlet invoke hello
              martlet invoke hello --event '{"name": "Ada"}' --log
              martlet invoke hello --event event.json
              echo '{}' | martlet invoke hello:live --event -
            """
    )

    @Argument(help: "The function: a name, name:qualifier or ARN.")
    var name: String

    @Option(help: "The event: JSON text, a file's path, or - for standard input.")
    var event: String?

    @Flag(help: "Also print the end of the function's log.")
    var log = false

    @OptionGroup var server: EndpointOptions

    package init() {}

    package func run() async throws {
        let (function, qualifier) = Self.split(name)
        var query: [(String, String)] = []
        if let qualifier { query.append(("Qualifier", qualifier)) }
        let response = try await server.client().send(
            service: "lambda",
            method: "POST",
            path: "/2015-03-31/functions/\(ServerClient.encode(function))/invocations",
            query: query,
            headers: log ? [("X-Amz-Log-Type", "Tail")] : [],
            body: try payload()
        )
        if log, let tail = response.header("x-amz-log-result"), let bytes = Base64.decode(tail) {
            FileHandles.standardError(String(decoding: bytes, as: UTF8.self))
        }
        guard response.status < 300 else { throw failure(response) }
        FileHandles.standardOutput(String(buffer: response.body) + "\n")
        if response.header("x-amz-function-error") != nil { throw ExitCode(1) }
    }

    /// An ARN keeps its qualifier: the server takes it apart.
    private static func split(_ name: String) -> (String, String?) {
        guard !name.hasPrefix("arn:"), let colon = name.firstIndex(of: ":") else { return (name, nil) }
        return (String(name[..<colon]), String(name[name.index(after: colon)...]))
    }

    private func payload() throws -> ByteBuffer {
        guard let event else { return ByteBuffer(string: "{}") }
        if event == "-" { return try FileHandles.readAll(descriptor: 0) }
        let first = event.first { !$0.isWhitespace }
        let isJSON = first.map { "{[\"-0123456789".contains($0) } ?? false
        if isJSON || ["true", "false", "null"].contains(event) { return ByteBuffer(string: event) }
        guard access(event, R_OK) == 0 else {
            throw CommandFailure(
                "There is no readable file “\(event)”.",
                next: "martlet invoke \(name) --event '{\"key\": 1}'"
            )
        }
        let file = open(event, O_RDONLY | O_CLOEXEC)
        defer { close(file) }
        return try FileHandles.readAll(descriptor: file)
    }

    private func failure(_ response: ServerClient.Response) -> CommandFailure {
        let error = response.error
        guard error.code == "ResourceNotFoundException" else {
            return CommandFailure("\(error.code): \(error.message)")
        }
        return CommandFailure(
            "\(error.code): \(error.message)",
            next: "aws lambda list-functions --endpoint-url \(server.endpointURL)"
        )
    }
}
