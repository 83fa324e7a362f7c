// SPDX-License-Identifier: Apache-2.0
package import AWSWire
package import Logging
package import MartletCore

/// What the chain is built from. The composition root fills it once.
package struct ChainConfiguration: Sendable {
    package var dispatcher: ServiceDispatcher
    package var auth: AuthMode
    /// Asked in order; the first that knows a key decides.
    package var credentials: [any CredentialDirectory]
    package var clock: any WallClock
    package var ids: any IDSource
    package var logger: Logger
    /// Host names beside the local ones that `open` mode answers to; `example.test` covers its subdomains too.
    package var allowedHosts: [String] = []
    /// Who answers for host names of its own, such as function URLs.
    package var hostRoutes: [any HostRouted] = []
    /// Who answers for paths below `/_martlet/`.
    package var pathRoutes: [any PathRouted] = []
    /// What the operator can ask for below `/_martlet/`.
    package var reports: [any ControlReport] = []
    /// What a state reset calls, in order.
    package var resettables: [any Resettable] = []
    package var version = "dev"

    package init(
        dispatcher: ServiceDispatcher,
        auth: AuthMode,
        credentials: [any CredentialDirectory],
        clock: any WallClock,
        ids: any IDSource,
        logger: Logger
    ) {
        self.dispatcher = dispatcher
        self.auth = auth
        self.credentials = credentials
        self.clock = clock
        self.ids = ids
        self.logger = logger
    }
}

/// From an HTTP request to its answer, with everything in between. A value without state: any number of requests at
/// once.
package struct RequestChain: Sendable {
    private let steps: [any ChainStep]
    private let errors: ErrorAnswers
    private let finish: FinishAnswer
    private let clock: any WallClock
    private let logger: Logger

    package init(_ configuration: ChainConfiguration) {
        steps = Self.steps(configuration)
        errors = ErrorAnswers()
        finish = FinishAnswer(clock: configuration.clock, cors: CORS())
        clock = configuration.clock
        logger = configuration.logger
    }

    /// The chain, in order.
    private static func steps(_ c: ChainConfiguration) -> [any ChainStep] {
        let authenticator = Authenticator(mode: c.auth, directories: c.credentials)
        let services = ServiceIndex(c.dispatcher)
        return [
            AssignRequestID(ids: c.ids),
            // Before the guards against web pages: a function URL is there for web pages, and has rules of its own for
            // them.
            AnswerHostRoutes(routes: c.hostRoutes, authenticator: authenticator),
            RefuseForeignCallers(c),
            AnswerPreflight(cors: CORS()),
            AnswerPathRoutes(routes: c.pathRoutes),
            AnswerControlReports(reports: c.reports, mode: c.auth, authenticator: authenticator),
            AnswerControlPaths(c),
            RecogniseService(services: services),
            Authenticate(authenticator: authenticator),
            ChooseScope(),
            FindOperation(),
            DecodeInput(),
            Dispatch(dispatcher: c.dispatcher),
            EncodeOutput(),
        ]
    }

    /// Never fails: whatever is thrown on the way becomes an answer.
    package func answer(_ request: IncomingRequest) async -> WireResponse {
        let exchange = Exchange(request, at: clock.now, microseconds: clock.monotonicMicroseconds, logger: logger)
        do {
            for step in steps where exchange.response == nil { try await step.run(exchange) }
        } catch {
            exchange.response = errors.answer(to: error, in: exchange)
        }
        return finish.run(exchange)
    }
}
