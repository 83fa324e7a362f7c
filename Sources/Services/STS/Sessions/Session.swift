// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

/// Temporary credentials with everything that they stand for: what the session token seals.
struct Session: Hashable, Sendable {
    /// As what the session appears in ARNs.
    enum Face: Hashable, Sendable {
        case root
        case user(name: String)
        case assumedRole(roleName: String, sessionName: String)
        case federatedUser(name: String)
    }

    var accessKeyID: String
    var secretAccessKey: String
    var expiresAt: Instant
    var face: Face
    var arn: ARN
    var userID: String
    var facts: SessionFacts

    var principal: Principal {
        let kind: Principal.Kind =
            switch face {
            case .root: .root
            case .user(let name): .user(name: name)
            case .assumedRole(let role, let session): .assumedRole(roleName: role, sessionName: session)
            case .federatedUser(let name): .federatedUser(name: name)
            }
        return Principal(account: facts.account, kind: kind, arn: arn, userID: userID, accessKeyID: accessKeyID)
    }
}

extension Session {
    /// As JSON: the token's inside. The access key is not in it; the seal is bound to it.
    var json: JSONValue {
        .object([
            .init("v", .integer(1)),
            .init("secret", .string(secretAccessKey)),
            .init("until", .integer(Int(expiresAt.milliseconds))),
            .init("face", .array(face.words.map(JSONValue.string))),
            .init("arn", .string(arn.description)),
            .init("uid", .string(userID)),
            .init("account", .string(facts.account.text)),
            .init("identity", .array(facts.identity.words.map(JSONValue.string))),
            .init("id", .string(facts.identityID)),
            .init("policies", facts.policies.map { .array($0.map(JSONValue.string)) } ?? .null),
            .init("arns", .array(facts.policyARNs.map(JSONValue.string))),
            .init("tags", .object(facts.tags.sorted { $0.key < $1.key }.map { .init($0.key, .string($0.value)) })),
            .init("transitive", .array(facts.transitiveTagKeys.map(JSONValue.string))),
            .init("source", facts.sourceIdentity.map(JSONValue.string) ?? .null),
            .init("since", .integer(Int(facts.issuedAt.milliseconds))),
        ])
    }

    /// Nil for anything that `json` has not made.
    init?(_ json: JSONValue, accessKeyID: String) {
        guard case .integer(1)? = json["v"], let secret = json["secret"]?.stringValue,
            let until = json["until"]?.instant,
            let face = json["face"]?.texts.flatMap(Face.init(words:)),
            let arn = json["arn"]?.stringValue.flatMap({ ARN($0) }),
            let userID = json["uid"]?.stringValue, let facts = SessionFacts(json)
        else { return nil }
        self.init(
            accessKeyID: accessKeyID,
            secretAccessKey: secret,
            expiresAt: until,
            face: face,
            arn: arn,
            userID: userID,
            facts: facts
        )
    }
}

extension SessionFacts {
    fileprivate init?(_ json: JSONValue) {
        guard let account = json["account"]?.stringValue.flatMap({ AccountID($0) }),
            let identity = json["identity"]?.texts.flatMap(SessionIdentity.init(words:)),
            let id = json["id"]?.stringValue,
            let arns = json["arns"]?.texts, let transitive = json["transitive"]?.texts,
            let since = json["since"]?.instant,
            case .object(let tags)? = json["tags"]
        else { return nil }
        self.init(
            account: account,
            identity: identity,
            identityID: id,
            policies: json["policies"]?.texts,
            policyARNs: arns,
            tags: Dictionary(
                tags.map { ($0.name, $0.value.stringValue ?? "") },
                uniquingKeysWith: { first, _ in first }
            ),
            transitiveTagKeys: transitive,
            sourceIdentity: json["source"]?.stringValue,
            issuedAt: since
        )
    }
}

extension Session.Face {
    fileprivate var words: [String] {
        switch self {
        case .root: ["root"]
        case .user(let name): ["user", name]
        case .assumedRole(let role, let session): ["role", role, session]
        case .federatedUser(let name): ["federated", name]
        }
    }

    fileprivate init?(words: [String]) {
        switch (words.first, words.count) {
        case ("root", 1): self = .root
        case ("user", 2): self = .user(name: words[1])
        case ("role", 3): self = .assumedRole(roleName: words[1], sessionName: words[2])
        case ("federated", 2): self = .federatedUser(name: words[1])
        default: return nil
        }
    }
}

extension SessionIdentity {
    fileprivate var words: [String] {
        switch self {
        case .root: ["root"]
        case .user(let name): ["user", name]
        case .role(let name): ["role", name]
        }
    }

    fileprivate init?(words: [String]) {
        switch (words.first, words.count) {
        case ("root", 1): self = .root
        case ("user", 2): self = .user(name: words[1])
        case ("role", 2): self = .role(name: words[1])
        default: return nil
        }
    }
}

extension JSONValue {
    fileprivate var texts: [String]? {
        guard let elements = arrayValue else { return nil }
        let texts = elements.compactMap(\.stringValue)
        return texts.count == elements.count ? texts : nil
    }

    fileprivate var instant: Instant? {
        guard case .integer(let milliseconds) = self else { return nil }
        return Instant(milliseconds: Int64(milliseconds))
    }
}
