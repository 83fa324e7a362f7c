// SPDX-License-Identifier: Apache-2.0
import AWSWire
import HTTPTypes
import MartletCore

/// In `open` mode nobody proves anything, so a web page must not be able to drive the server: it is refused by the
/// `Origin` that every browser sends, and by the `Host` that gives DNS rebinding away.
struct RefuseForeignCallers: ChainStep {
    private let isOn: Bool
    private let hosts: AllowedHosts

    init(_ configuration: ChainConfiguration) {
        isOn = configuration.auth == .open
        hosts = AllowedHosts(configuration.allowedHosts)
    }

    func run(_ exchange: Exchange) throws {
        guard isOn else {
            exchange.isOpenToBrowsers = true
            return
        }
        let host = exchange.request.host
        guard host.isEmpty || hosts.allow(host) else {
            throw Self.refusal("host name '\(host)'")
        }
        if let origin = exchange.request.headers[.origin], !hosts.allow(origin: origin) {
            throw Self.refusal("origin '\(origin)'")
        }
        exchange.isOpenToBrowsers = true
    }

    private static func refusal(_ what: String) -> CommonError {
        CommonError(
            "AccessDeniedException",
            "The \(what) is not one that this server answers to in open mode. "
                + "Allow it with --allowed-host, or use --auth signed.",
            status: 403
        )
    }
}

/// The names that a local client reaches the server by.
struct AllowedHosts: Sendable {
    private let names: Set<String>
    private let suffixes: [String]

    /// AWS's own names are allowed too: whoever resolves them to this server means it.
    private static let always = [
        "localhost", "localhost.localstack.cloud", "amazonaws.com", "amazonaws.com.cn", "api.aws", "on.aws",
    ]

    init(_ configured: [String]) {
        let all = Self.always + configured.map { $0.lowercased() }
        names = Set(all)
        suffixes = all.map { "." + $0 }
    }

    func allow(_ host: String) -> Bool {
        if names.contains(host) || host == "[::1]" || host == "::1" { return true }
        if Self.isLoopback(host) { return true }
        return suffixes.contains { host.hasSuffix($0) }
    }

    /// `http://localhost:3000`. The origin `null` of sandboxed pages and files is nobody's.
    func allow(origin: String) -> Bool {
        guard let slashes = origin.firstIndex(of: "/") else { return false }
        let authority = origin[slashes...].drop { $0 == "/" }
        return !authority.isEmpty && allow(HostName(String(authority)).name)
    }

    /// Any of 127.0.0.0/8, in four decimal numbers.
    static func isLoopback(_ host: String) -> Bool {
        guard host.utf8.starts(with: "127.".utf8) else { return false }
        let parts = host.parts(at: ".")
        return parts.count == 4 && parts.allSatisfy { UInt8($0) != nil }
    }
}
