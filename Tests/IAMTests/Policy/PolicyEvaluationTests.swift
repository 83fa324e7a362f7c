// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import IAM

@Suite("Policy evaluation") struct PolicyEvaluationTests {
    private static let account = "123456789012"
    private static let roleARN = "arn:aws:iam::123456789012:role/team/worker"
    private static let sessionARN = "arn:aws:sts::123456789012:assumed-role/worker/s1"
    private static let userARN = "arn:aws:iam::123456789012:user/ann"
    private static let function = "arn:aws:lambda:eu-west-1:123456789012:function:f"

    private let user = CallerNames(account: account, identityARN: userARN, uniqueID: "AIDAANN", isUser: true)
    private let session = CallerNames(
        account: account,
        identityARN: roleARN,
        sessionARN: sessionARN,
        uniqueID: "AROAWORKER"
    )

    private func policy(
        _ effect: String = "Allow",
        _ action: String = "lambda:InvokeFunction",
        principal: String? = nil,
        resource: String = "*"
    ) throws -> PolicyDocument {
        let principal = principal.map { "\"Principal\":\($0)," } ?? ""
        let text =
            #"{"Version":"2012-10-17","Statement":{\#(principal)"Effect":"\#(effect)","Action":"\#(action)","Resource":"\#(resource)"}}"#
        return try PolicyDocument(parsing: text, as: principal.isEmpty ? .identity : .resource)
    }

    private func decide(
        _ evaluation: PolicyEvaluation,
        _ caller: CallerNames,
        _ action: String = "lambda:InvokeFunction"
    ) -> PolicyDecision {
        evaluation.decide(PolicyQuestion(action: action, resource: Self.function, caller: caller, keys: [:]))
    }

    @Test("nothing is allowed until a policy allows it, and the reason says which kind is missing")
    func silence() throws {
        #expect(decide(PolicyEvaluation(identity: []), user) == .denied(.silent(.identity)))
        #expect(decide(PolicyEvaluation(identity: [try policy("Allow", "s3:*")]), user) == .denied(.silent(.identity)))
        #expect(decide(PolicyEvaluation(identity: [try policy()]), user) == .allowed)
    }

    @Test("actions are not distinguished by case")
    func actionCase() throws {
        #expect(decide(PolicyEvaluation(identity: [try policy("Allow", "LAMBDA:invokefunc*")]), user) == .allowed)
    }

    @Test("a deny wins, wherever it stands")
    func deny() throws {
        let allow = try policy()
        let deny = try policy("Deny", "lambda:*")
        #expect(decide(PolicyEvaluation(identity: [allow, deny]), user) == .denied(.explicit(.identity)))
        #expect(decide(PolicyEvaluation(identity: [allow], boundary: deny), user) == .denied(.explicit(.boundary)))
        #expect(
            decide(PolicyEvaluation(identity: [allow], session: [allow, deny]), user) == .denied(.explicit(.session))
        )
        let resource = try policy("Deny", principal: "\"*\"")
        #expect(decide(PolicyEvaluation(identity: [allow], resource: resource), user) == .denied(.explicit(.resource)))
        #expect(decide(PolicyEvaluation(identity: nil, resource: resource), user) == .denied(.explicit(.resource)))
    }

    @Test("a boundary and a session's policies only take away")
    func intersection() throws {
        let allow = try policy()
        let other = try policy("Allow", "s3:*")
        #expect(decide(PolicyEvaluation(identity: [allow], boundary: other), user) == .denied(.silent(.boundary)))
        #expect(decide(PolicyEvaluation(identity: [allow], boundary: allow), user) == .allowed)
        #expect(decide(PolicyEvaluation(identity: [allow], session: [other]), session) == .denied(.silent(.session)))
        #expect(decide(PolicyEvaluation(identity: [allow], session: []), session) == .denied(.silent(.session)))
        #expect(decide(PolicyEvaluation(identity: [allow], session: [other, allow]), session) == .allowed)
        #expect(
            decide(PolicyEvaluation(identity: [other], boundary: allow, session: [allow]), session)
                == .denied(.silent(.identity))
        )
    }

    @Test("the root may do everything that no resource forbids")
    func root() {
        let root = CallerNames(account: Self.account, identityARN: "arn:aws:iam::123456789012:root", isRoot: true)
        #expect(decide(PolicyEvaluation(identity: nil), root) == .allowed)
    }

    @Test("within the account a resource's policy is enough, when it names the caller and not just the account")
    func sameAccountResource() throws {
        let byARN = try policy(principal: #"{"AWS":"\#(Self.userARN)"}"#)
        let byID = try policy(principal: #"{"AWS":"AIDAANNAAAAAAAAA"}"#)
        let byAccount = try policy(principal: #"{"AWS":"123456789012"}"#)
        let byRootARN = try policy(principal: #"{"AWS":"arn:aws:iam::123456789012:root"}"#)
        #expect(decide(PolicyEvaluation(identity: [], resource: byARN), user) == .allowed)
        var known = user
        known.uniqueID = "AIDAANNAAAAAAAAA"
        #expect(decide(PolicyEvaluation(identity: [], resource: byID), known) == .allowed)
        #expect(decide(PolicyEvaluation(identity: [], resource: byID), user) == .denied(.silent(.identity)))
        #expect(decide(PolicyEvaluation(identity: [], resource: byAccount), user) == .denied(.silent(.identity)))
        #expect(decide(PolicyEvaluation(identity: [], resource: byRootARN), user) == .denied(.silent(.identity)))
    }

    @Test(
        "a boundary's silence limits what a resource gives to a role, not what it gives to a user or a session by name"
    )
    func boundaryAndResource() throws {
        let other = try policy("Allow", "s3:*")
        let toUser = try policy(principal: #"{"AWS":"\#(Self.userARN)"}"#)
        let toRole = try policy(principal: #"{"AWS":"\#(Self.roleARN)"}"#)
        let toSession = try policy(principal: #"{"AWS":"\#(Self.sessionARN)"}"#)
        #expect(decide(PolicyEvaluation(identity: [], boundary: other, resource: toUser), user) == .allowed)
        #expect(
            decide(PolicyEvaluation(identity: [], boundary: other, resource: toRole), session)
                == .denied(.silent(.boundary))
        )
        #expect(decide(PolicyEvaluation(identity: [], resource: toRole), session) == .allowed)
        #expect(
            decide(PolicyEvaluation(identity: [], boundary: other, session: [other], resource: toSession), session)
                == .allowed
        )
    }

    @Test("across accounts both sides have to allow")
    func crossAccount() throws {
        let allow = try policy()
        let toAccount = try policy(principal: #"{"AWS":"123456789012"}"#)
        let toOther = try policy(principal: #"{"AWS":"210987654321"}"#)
        #expect(
            decide(PolicyEvaluation(identity: [allow], resource: toAccount, isCrossAccount: true), user) == .allowed
        )
        #expect(
            decide(PolicyEvaluation(identity: [allow], resource: toOther, isCrossAccount: true), user)
                == .denied(.silent(.resource))
        )
        #expect(decide(PolicyEvaluation(identity: [allow], isCrossAccount: true), user) == .denied(.silent(.resource)))
        #expect(
            decide(PolicyEvaluation(identity: [], resource: toAccount, isCrossAccount: true), user)
                == .denied(.silent(.identity))
        )
    }

    @Test("a service and a stranger have only what the resource's policy gives them")
    func services() throws {
        let service = CallerNames(account: "", identityARN: "", service: "s3.amazonaws.com")
        let stranger = CallerNames(account: "", identityARN: "")
        let toService = try policy(principal: #"{"Service":"s3.amazonaws.com"}"#)
        let toAll = try policy(principal: "\"*\"")
        #expect(decide(PolicyEvaluation(identity: [], resource: toService), service) == .allowed)
        #expect(decide(PolicyEvaluation(identity: [], resource: toService), stranger) == .denied(.silent(.resource)))
        #expect(decide(PolicyEvaluation(identity: [], resource: toAll), stranger) == .allowed)
        #expect(
            decide(
                PolicyEvaluation(identity: [], resource: try policy(principal: #"{"Service":"sns.amazonaws.com"}"#)),
                service
            ) == .denied(.silent(.resource))
        )
        #expect(decide(PolicyEvaluation(identity: [try policy()]), stranger) == .denied(.silent(.resource)))
    }

    @Test("an account without a number is nobody's")
    func emptyAccount() {
        let stranger = CallerNames(account: "", identityARN: "")
        #expect(stranger.strength(of: .account("")) == nil)
        #expect(stranger.strength(of: .arn("")) == nil)
    }

    @Test("NotPrincipal denies everyone but those it names; naming the account spares only its root")
    func notPrincipal() throws {
        func document(_ list: String) throws -> PolicyDocument {
            try PolicyDocument(
                parsing:
                    #"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","NotPrincipal":{"AWS":[\#(list)]},"Action":"lambda:*","Resource":"*"}]}"#,
                as: .resource
            )
        }
        let allow = try policy()
        let sparingAnn = try document("\"arn:aws:iam::123456789012:root\",\"\(Self.userARN)\"")
        let sparingRoot = try document("\"arn:aws:iam::123456789012:root\"")
        #expect(decide(PolicyEvaluation(identity: [allow], resource: sparingAnn), user) == .allowed)
        #expect(
            decide(PolicyEvaluation(identity: [allow], resource: sparingAnn), session) == .denied(.explicit(.resource))
        )
        #expect(
            decide(PolicyEvaluation(identity: [allow], resource: sparingRoot), user) == .denied(.explicit(.resource))
        )
    }

    @Test("NotAction and NotResource mean everything else")
    func negations() throws {
        let document = try PolicyDocument(
            parsing:
                #"{"Version":"2012-10-17","Statement":{"Effect":"Allow","NotAction":"iam:*","NotResource":"arn:aws:lambda:*:*:function:secret"}}"#,
            as: .identity
        )
        func verdict(_ action: String, _ resource: String) -> PolicyVerdict {
            document.verdict(on: PolicyQuestion(action: action, resource: resource, caller: user, keys: [:]))
        }
        #expect(verdict("lambda:InvokeFunction", Self.function).isAllowing)
        #expect(!verdict("iam:GetUser", Self.function).isAllowing)
        #expect(!verdict("lambda:InvokeFunction", "arn:aws:lambda:eu-west-1:123456789012:function:secret").isAllowing)
    }

    @Test("a statement on one resource does not allow an action that has none")
    func noResource() throws {
        let document = try policy("Allow", "lambda:ListFunctions", resource: Self.function)
        let question = PolicyQuestion(action: "lambda:ListFunctions", resource: "*", caller: user, keys: [:])
        #expect(PolicyEvaluation(identity: [document]).decide(question) == .denied(.silent(.identity)))
    }

    @Test("where the resource's policy has to allow, the identity's own is not enough")
    func mandatoryResourcePolicy() throws {
        let allow = try policy()
        #expect(
            decide(PolicyEvaluation(identity: [allow], needsResourcePolicy: true), user) == .denied(.silent(.resource))
        )
        let toAccount = try policy(principal: #"{"AWS":"123456789012"}"#)
        #expect(
            decide(PolicyEvaluation(identity: [allow], resource: toAccount, needsResourcePolicy: true), user)
                == .allowed
        )
        #expect(
            decide(PolicyEvaluation(identity: [], resource: toAccount, needsResourcePolicy: true), user)
                == .denied(.silent(.identity))
        )
    }

    @Test("the reasons read as AWS writes them")
    func reasons() {
        #expect(
            DenialReason.silent(.identity).text(for: "s3:Get")
                == "because no identity-based policy allows the s3:Get action"
        )
        #expect(
            DenialReason.explicit(.boundary).text(for: "s3:Get") == "with an explicit deny in a permissions boundary"
        )
    }
}
