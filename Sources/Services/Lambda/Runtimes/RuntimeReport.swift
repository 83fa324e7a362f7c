// SPDX-License-Identifier: Apache-2.0

/// How each runtime family is served on this host, in lines for `martlet doctor`.
package struct RuntimeReport: Sendable {
    package let lines: [String]

    package init(finder: InterpreterFinder, sdks: RuntimeSDKs) {
        let pythons = finder.pythons.sorted { $0.key < $1.key }.map { "✓ python\($0.value.version): \($0.value.path)" }
        let nodes = finder.nodes.sorted { $0.key < $1.key }.map { "✓ nodejs\($0.value.version).x: \($0.value.path)" }
        var lines = ["✓ provided.al2023, provided.al2: your own bootstrap"]
        lines += pythons.isEmpty ? ["✗ python: none found; install one with: apt-get install python3"] : pythons
        lines += nodes.isEmpty ? ["✗ nodejs: none found; install it with: apt-get install nodejs"] : nodes
        let rubies = finder.rubies.sorted { $0.key < $1.key }.map { "✓ ruby\($0.value.version): \($0.value.path)" }
        let javas = finder.javas.sorted { $0.key < $1.key }.map { "✓ java\($0.value.version): \($0.value.path)" }
        lines += rubies.isEmpty ? ["✗ ruby: none found; install it with: apt-get install ruby"] : rubies
        lines += javas.isEmpty ? ["✗ java: none found; install it with: apt-get install default-jre-headless"] : javas
        lines.append("– other versions run on the nearest one above in open mode, and are refused in the other modes")
        self.lines = lines + RuntimeSDKs.Family.allCases.map { Self.sdk(of: $0, sdks) }
    }

    private static func sdk(of family: RuntimeSDKs.Family, _ sdks: RuntimeSDKs) -> String {
        let name = family == .python ? "boto3 for Python" : "the AWS SDK for Node.js"
        guard let path = sdks.directory(of: family) else {
            return
                "– \(name): functions bring it along; install it for all with: martlet runtimes sdk \(family.rawValue)"
        }
        return "✓ \(name): \(path)"
    }
}
