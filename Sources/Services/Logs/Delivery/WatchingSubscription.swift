// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

/// What a subscription wants and where it leads: one of a group, or the account's.
struct WatchingSubscription: Sendable {
    let name: String
    let pattern: String
    let destination: String
    let role: String?
    let distribution: String
    let isTransformed: Bool
    let isOfAccount: Bool

    init(_ stored: StoredSubscription) {
        (name, pattern, destination) = (stored.name, stored.pattern, stored.destination)
        (role, distribution, isTransformed) = (stored.role, stored.distribution, stored.isTransformed)
        isOfAccount = false
    }

    init(_ policy: StoredAccountPolicy) throws {
        let subscription = try AccountSubscription(policy.document)
        (name, pattern, destination) = (policy.name, subscription.pattern, subscription.destination)
        (role, distribution) = (subscription.role, subscription.distribution.rawValue)
        (isTransformed, isOfAccount) = (false, true)
    }

    /// Who delivers for it, as the policies of functions and streams see it. Functions' name the group with `:*` behind it, or
    /// all groups.
    static func source(_ group: String?, _ scope: Scope, role: String?) -> MartletCore.EventSource {
        MartletCore.EventSource(
            servicePrincipal: "logs.amazonaws.com",
            arn: scope.arn("logs", group.map { "log-group:\($0):*" } ?? "log-group:*"),
            account: scope.account,
            role: role.flatMap { ARN($0) }
        )
    }
}

/// All that a try needs: matching events of one stream, and where they go.
struct SubscriptionLetter: Sendable {
    let subscription: WatchingSubscription
    let target: SubscriptionTarget
    let document: SubscriptionDocument
    let scope: Scope

    var messageGroupID: String? {
        subscription.distribution == Distribution.random.rawValue ? nil : document.stream
    }

    var source: MartletCore.EventSource {
        WatchingSubscription.source(document.group, scope, role: subscription.role)
    }

    /// An account's subscription would go round in circles here: what the function writes about an event is an event.
    var goesInCircles: Bool { target.ownLogGroup == document.group && target.arn.scope == scope }

    func passage(_ result: EventPassage.Result, at now: Instant, reason: String? = nil) -> EventPassage {
        EventPassage(
            at: now,
            scope: scope,
            from: scope.arn("logs", "log-group:\(document.group)").description,
            to: target.arn.description,
            result,
            count: document.events.count,
            reason: reason
        )
    }
}

extension LogRows {
    /// Nil when the batch is for nobody any more: the subscription does not cover it, or nothing of it is wanted. Throws
    /// `InvalidParameterException` for a pattern or a destination that an earlier version had taken and this one does not.
    func letter(for batch: BatchDelivery) throws -> SubscriptionLetter? {
        guard let group = try name(ofGroup: batch.groupID), let stream = try name(ofStream: batch.streamID),
            let subscription = try subscription(of: batch.watcher, forGroup: group)
        else { return nil }
        let pattern: FilterPattern
        do { pattern = try FilterPattern(subscription.pattern) } catch {
            throw InvalidParameterException(error.message)
        }
        let events = try events(of: batch).map { event in
            SubscriptionDocument.Event(event, text: subscription.isTransformed ? event.filtered : event.message)
        }.filter { pattern.matches($0.message) }
        guard !events.isEmpty else { return nil }
        return SubscriptionLetter(
            subscription: subscription,
            target: try SubscriptionTarget(subscription.destination, role: subscription.role),
            document: SubscriptionDocument(
                owner: scope.account.text,
                group: group,
                stream: stream,
                filters: [subscription.name],
                events: events
            ),
            scope: scope
        )
    }

    private func subscription(
        of watcher: BatchDelivery.Watcher,
        forGroup name: String
    ) throws -> WatchingSubscription? {
        switch watcher {
        case .subscription(let id): return try subscription(id).map(WatchingSubscription.init)
        case .accountSubscription:
            let policy = try accountPolicies().first { $0.type == .subscriptionFilterPolicy && $0.covers(name) }
            return try policy.map { try WatchingSubscription($0) }
        case .metricFilters: return nil
        }
    }
}

extension SubscriptionDocument.Event {
    fileprivate init(_ event: StoredEvent, text: String) {
        self.init(
            id: event.position.eventID(stream: event.streamID),
            timestamp: event.position.timestamp,
            message: text
        )
    }
}
