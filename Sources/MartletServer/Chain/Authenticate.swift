// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import NIOCore

/// Establishes who calls, and on the way takes in the body, which a signature may cover.
struct Authenticate: ChainStep {
    let authenticator: Authenticator

    func run(_ exchange: Exchange) async throws {
        guard let service = exchange.service else { return }
        let limit = BodyLimits.limit(of: service)
        let caller = try await authenticator.authenticate(
            exchange.request,
            claiming: exchange.claim,
            for: service.model,
            upTo: limit,
            now: exchange.receivedAt
        )
        exchange.body = caller.body
        exchange.principal = caller.principal
    }
}

/// The account and region that the request is about.
struct ChooseScope: ChainStep {
    func run(_ exchange: Exchange) {
        guard let principal = exchange.principal else { return }
        let signed = exchange.claim.flatMap { Region($0.region) }
        exchange.scope = Scope(account: principal.account, region: signed ?? exchange.hostRegion ?? .usEast1)
    }
}
