import AWSWire
// SPDX-License-Identifier: Apache-2.0
package import ArgumentParser
import Glibc
import MartletCore

/// How the client verbs find the server and who they are to it; the same variables that the AWS CLI reads.
package struct EndpointOptions: ParsableArguments {
    @Option(help: "The server's address. Also: AWS_ENDPOINT_URL.")
    package var endpoint: String?

    @Option(help: "The region to act in. Also: AWS_REGION, AWS_DEFAULT_REGION.")
    package var region: String?

    package init() {}

    package static func variable(_ name: String) -> String? {
        guard let value = getenv(name) else { return nil }
        let text = String(cString: value)
        return text.isEmpty ? nil : text
    }

    var endpointURL: String { endpoint ?? Self.variable("AWS_ENDPOINT_URL") ?? "http://127.0.0.1:4566" }

    func resolvedRegion() throws -> Region {
        let name = region ?? Self.variable("AWS_REGION") ?? Self.variable("AWS_DEFAULT_REGION") ?? Region.usEast1.name
        guard let region = Region(name) else {
            throw ValidationError("“\(name)” is not a region. Give one such as us-east-1 with --region.")
        }
        return region
    }

    func client() throws -> ServerClient {
        ServerClient(
            endpoint: endpointURL,
            region: try resolvedRegion(),
            accessKeyID: Self.variable("AWS_ACCESS_KEY_ID") ?? "martlet",
            secretAccessKey: Self.variable("AWS_SECRET_ACCESS_KEY") ?? "martlet",
            sessionToken: Self.variable("AWS_SESSION_TOKEN")
        )
    }
}

/// An error of the command line: what was wrong, and what to type next.
struct CommandFailure: Error, CustomStringConvertible {
    var description: String

    init(_ what: String, next: String? = nil) {
        description = next.map { "\(what)\n  Try: \($0)" } ?? what
    }
}
