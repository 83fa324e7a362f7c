// SPDX-License-Identifier: Apache-2.0
import AWSWire
import HTTPTypes
import Logging
import MartletCore
import NIOCore

/// The server's own API under `/_martlet/`, and its twin under `/_localstack/` for the tools that know that one.
struct AnswerControlPaths: ChainStep {
    private let mode: AuthMode
    private let resettables: [any Resettable]
    private let services: [String]
    private let version: String

    init(_ configuration: ChainConfiguration) {
        mode = configuration.auth
        resettables = configuration.resettables
        services = configuration.dispatcher.services.keys.sorted()
        version = configuration.version
    }

    func run(_ exchange: Exchange) async throws {
        let path = exchange.request.path
        guard
            let rest = ["/_martlet/", "/_localstack/"].first(where: { path.hasPrefix($0) }).map({
                path.dropFirst($0.count)
            })
        else { return }
        switch (exchange.request.method, rest) {
        case ("GET", "health"), ("HEAD", "health"): exchange.response = Self.json(health)
        case ("POST", "state/reset"): exchange.response = try await reset(exchange)
        case (_, "metrics"): throw CommonError.notImplemented("metrics")
        case (_, "health"), (_, "state/reset"):
            throw CommonError("MethodNotAllowed", "\(path) does not take \(exchange.request.method).", status: 405)
        default: throw CommonError("NotFound", "There is nothing at \(path).", status: 404)
        }
    }

    private var health: JSONValue {
        .object([
            .init("status", .string("running")),
            .init("services", .object(services.map { .init($0, .string("running")) })),
            .init("edition", .string("community")),
            .init("version", .string(version)),
        ])
    }

    private func reset(_ exchange: Exchange) async throws -> WireResponse {
        guard mode == .open, exchange.request.listener == nil else {
            throw CommonError(
                "AccessDenied",
                "State can be reset in open mode only, and not from inside a sandbox.",
                status: 403
            )
        }
        let account = try account(in: exchange.request.query)
        for resettable in resettables { try await resettable.reset(account: account) }
        exchange.logger.notice("state was reset", metadata: ["account": "\(account?.text ?? "all")"])
        return Self.json(.object([.init("status", .string("reset"))]))
    }

    private func account(in query: String) throws -> AccountID? {
        guard let pair = query.split(separator: "&").first(where: { $0.hasPrefix("account=") }) else { return nil }
        guard let account = AccountID(pair.dropFirst("account=".count)) else {
            throw CommonError.validation("account must be twelve digits.")
        }
        return account
    }

    private static func json(_ value: JSONValue) -> WireResponse {
        WireResponse(
            status: 200,
            headers: [.contentType: "application/json"],
            body: .buffer(ByteBuffer(string: value.compactText))
        )
    }
}
