// SPDX-License-Identifier: Apache-2.0
import MartletCore

/// A policy with the name under which the simulator's answer refers to it.
struct SimulatedPolicy: Sendable {
    var id: String
    var type: PolicySourceType
    var document: PolicyDocument
}

/// Asks a set of policies about each action on each resource.
struct Simulation: Sendable {
    var policies: [SimulatedPolicy] = []
    var boundaries: [SimulatedPolicy]?
    var resourcePolicy: SimulatedPolicy?
    private let actions: [String]
    private let resources: [String]
    private let names: CallerNames
    private let keys: ConditionKeys

    init(
        _ actions: [String],
        _ resources: [String]?,
        _ entries: [ContextEntry]?,
        caller: String?,
        _ context: RequestContext
    ) {
        self.actions = actions
        self.resources = resources.flatMap { $0.isEmpty ? nil : $0 } ?? ["*"]
        let arn = caller.flatMap { ARN($0) }
        names = CallerNames(
            account: arn?.account ?? context.account.text,
            identityARN: caller ?? context.principal.arn.description,
            isUser: arn?.resource.hasPrefix("user/") ?? false
        )
        var keys: ConditionKeys = ["aws:CurrentTime": [context.receivedAt.iso8601]]
        if let arn { keys["aws:PrincipalArn"] = [arn.description] }
        for entry in entries ?? [] {
            if let name = entry.contextKeyName { keys[name] = entry.contextKeyValues ?? [] }
        }
        self.keys = keys
    }

    func run(_ request: PageRequest) throws -> SimulatePolicyResponse {
        let pairs = actions.flatMap { action in resources.map { (action, $0) } }
        let numbered = pairs.enumerated().map { (key: $0.padded(8), pair: $1) }
        let page = Page(cutting: numbered, request) { $0.key }.map { result($0.pair.0, $0.pair.1) }
        var response = SimulatePolicyResponse()
        (response.evaluationResults, response.isTruncated, response.marker) = (
            page.items, page.isTruncated, page.marker
        )
        return response
    }

    private func result(_ action: String, _ resource: String) -> EvaluationResult {
        let question = PolicyQuestion(action: action, resource: resource, caller: names, keys: keys)
        let evaluation = PolicyEvaluation(
            identity: policies.map(\.document),
            session: boundaries?.map(\.document),
            resource: resourcePolicy?.document
        )
        var result = EvaluationResult()
        result.evalActionName = action
        result.evalResourceName = resource
        switch evaluation.decide(question) {
        case .allowed: result.evalDecision = .allowed
        case .denied(.explicit): result.evalDecision = .explicitDeny
        case .denied(.silent): result.evalDecision = .implicitDeny
        }
        result.matchedStatements = matches(question)
        result.missingContextValues = missingKeys(question)
        if let boundaries {
            var detail = PermissionsBoundaryDecisionDetail()
            let verdicts = boundaries.map { $0.document.verdict(on: question) }
            detail.allowedByPermissionsBoundary = !verdicts.contains(.denies) && verdicts.contains(where: \.isAllowing)
            result.permissionsBoundaryDecisionDetail = detail
        }
        return result
    }

    private func matches(_ question: PolicyQuestion) -> [Statement] {
        let all = policies + (resourcePolicy.map { [$0] } ?? [])
        return all.filter { $0.document.verdict(on: question) != .silent }.map { policy in
            var statement = Statement()
            statement.sourcePolicyId = policy.id
            statement.sourcePolicyType = policy.type
            return statement
        }
    }

    /// Keys that conditions ask for and the caller of the simulator did not give.
    private func missingKeys(_ question: PolicyQuestion) -> [String] {
        let asked = policies.flatMap { $0.document.statements.flatMap(\.conditions).map(\.key) }
        return Set(asked).filter { keys.all($0) == nil }.sorted()
    }
}
