// SPDX-License-Identifier: Apache-2.0
import AWSWire
import EventPatterns
import MartletCore
import NIOConcurrencyHelpers

/// Which messages a subscription wants: a pattern, asked about a message's attributes or its body.
///
/// Pure. Compiled once per policy, in time and memory that grow with the policy alone; matching takes time in proportion to
/// the message.
struct FilterPolicy: Sendable {
    enum Scope: String, Sendable {
        case messageAttributes = "MessageAttributes"
        case messageBody = "MessageBody"
    }

    static let maximumKeys = 5
    static let maximumCombinations = 150

    private static let limits: PatternLimits = {
        var limits = PatternLimits()
        // The rules' own are narrower.
        (limits.values, limits.combinations) = (SNSLimits.filterPolicyBytes, 1_000_000)
        limits.takesOrAsName = true
        return limits
    }()

    private let pattern: EventPattern
    private let scope: Scope

    /// Throws `InvalidParameterException` in AWS's words.
    init(_ text: String, scope: Scope) throws {
        guard text.utf8.count <= SNSLimits.filterPolicyBytes else {
            throw Self.fault("Filter policy is too large")
        }
        let json: JSONValue
        do { json = try JSONValue(parsing: text) } catch { throw Self.fault("failed to parse JSON. \(error)") }
        guard let members = json.members else { throw Self.fault("Filter policy must be an object") }
        try FilterRules.check(json, scope: scope)
        do {
            // No policy is one that everything passes.
            pattern = try members.isEmpty ? .everything : EventPattern(json, limits: Self.limits)
        } catch {
            throw Self.fault(error.reason)
        }
        self.scope = scope
    }

    /// Nil for binary attributes, which filters do not see.
    private static func member(_ name: String, _ attribute: MessageAttribute) -> JSONValue.Member? {
        attribute.filterable.map { JSONValue.Member(name, $0) }
    }

    static func fault(_ what: String) -> InvalidParameterException { .of("FilterPolicy: \(what)") }

    /// `body` is looked at in the scope `MessageBody` only; a body that is no JSON object matches nothing.
    func accepts(_ attributes: [String: MessageAttribute], body: FilterBody) -> Bool {
        switch scope {
        case .messageAttributes: pattern.matches(.object(attributes.compactMap(Self.member)))
        case .messageBody: body.json.map { pattern.matches($0) } ?? false
        }
    }
}

/// A message's body, parsed once for all subscriptions, and only when one asks.
final class FilterBody: Sendable {
    private let text: String
    private let parsed = NIOLockedValueBox<JSONValue??>(nil)

    init(_ text: String) { self.text = text }

    /// Nil for anything but a JSON object.
    var json: JSONValue? {
        parsed.withLockedValue { parsed in
            if let known = parsed { return known }
            let value = try? JSONValue(parsing: text)  // a body that is no JSON matches no policy
            let object = value?.members == nil ? nil : value
            parsed = .some(object)
            return object
        }
    }
}

/// Compiled policies by their text: publishing compiles none twice in a row.
final class FilterCache: Sendable {
    private static let maximumPolicies = 1_000
    private let known = NIOLockedValueBox<[String: FilterPolicy]>([:])

    /// Throws `InvalidParameterException`: stored policies were checked, so only a newer Martlet's can be unknown.
    func policy(_ text: String, scope: FilterPolicy.Scope) throws -> FilterPolicy {
        let key = "\(scope.rawValue)\n\(text)"
        if let found = known.withLockedValue({ $0[key] }) { return found }
        let policy = try FilterPolicy(text, scope: scope)
        known.withLockedValue { known in
            if known.count >= Self.maximumPolicies { known.removeAll(keepingCapacity: true) }
            known[key] = policy
        }
        return policy
    }
}
