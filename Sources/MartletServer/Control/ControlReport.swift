// SPDX-License-Identifier: Apache-2.0
package import AWSWire
import HTTPTypes
package import MartletCore
import NIOCore

/// Tells the operator what the server knows, at `/_martlet/{name}`.
package protocol ControlReport: Sendable {
    var name: String { get }
    /// `account` is the only one to tell of; nil: all. `query` is decoded; of a name that comes twice, the last.
    func answer(query: [String: String], account: AccountID?) async throws -> WireResponse
}

/// Hands requests to the report that they name. In `open` mode whoever sits at the host may ask for everything; everywhere
/// else, and from inside a sandbox, only an account's root may ask, with its signature, and hears of that account.
struct AnswerControlReports: ChainStep {
    private static let prefix = "/_martlet/"
    let reports: [any ControlReport]
    let mode: AuthMode
    let authenticator: Authenticator

    func run(_ exchange: Exchange) async throws {
        let path = exchange.request.path
        guard path.hasPrefix(Self.prefix),
            let report = reports.first(where: { $0.name == path.dropFirst(Self.prefix.count) })
        else { return }
        guard exchange.request.method == "GET" || exchange.request.method == "HEAD" else {
            throw CommonError("MethodNotAllowed", "\(path) does not take \(exchange.request.method).", status: 405)
        }
        let account = try await audience(exchange)
        exchange.response = try await report.answer(query: Self.parse(exchange.request.query), account: account)
    }

    private func audience(_ exchange: Exchange) async throws -> AccountID? {
        let caller = try await authenticator.authenticateIfSigned(
            exchange.request,
            signingNames: ["lambda"],
            upTo: 0,
            now: exchange.receivedAt
        )
        switch caller.principal.kind {
        case .root: return caller.principal.account
        case .anonymous where mode == .open && exchange.request.listener == nil: return nil
        default:
            throw CommonError("AccessDenied", "Only an account's root may ask, with its signature.", status: 403)
        }
    }

    /// What is not valid percent-encoding stays as it is.
    static func parse(_ query: String) -> [String: String] {
        var values: [String: String] = [:]
        for pair in query.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1)
            guard let name = parts.first else { continue }
            values[decode(name)] = parts.count > 1 ? decode(parts[1]) : ""
        }
        return values
    }

    private static func decode(_ text: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            if byte == 0x25, let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16),
                rest.count >= 2
            {
                bytes.append(value)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte == 0x2b ? 0x20 : byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
