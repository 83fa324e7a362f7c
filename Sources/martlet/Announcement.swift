// SPDX-License-Identifier: Apache-2.0
import Lambda
import MartletCLI
import MartletCore
import MartletServer

/// What the person who started the server sees once it listens: where it is, where the data is, what to type next.
struct Announcement {
    private let lines: [String]

    init(endpoint: Endpoint, _ settings: PlatformSettings, directory: String) {
        let isEphemeral = settings.dataDirectory == nil
        let keys =
            settings.auth == .open
            ? "AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test " : ""
        let owner = Scope(account: .local, region: .usEast1)
        let mounts = settings.folders.folders.map { "  mount: \($0.path) is \($0.arn(in: $0.scope ?? owner))" }
        lines =
            [
                "martlet listens on \(endpoint) (\(settings.auth.rawValue) mode)",
                isEphemeral ? "  data: none is kept (--ephemeral)" : "  data: \(directory)",
            ] + mounts + [
                "  next:",
                "    export AWS_ENDPOINT_URL=\(endpoint) AWS_DEFAULT_REGION=us-east-1 \(keys)",
                "    aws lambda list-functions",
                "    martlet doctor",
            ]
    }

    func print() {
        // In one write, so that whoever waits for the first line has the rest too.
        let text = lines.map { $0 + "\n" }.joined()
        FileHandles.standardOutput(text)
    }
}
