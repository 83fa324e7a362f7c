// SPDX-License-Identifier: Apache-2.0
import EventDelivery
import MartletCore
import NIOCore

/// One delivery with all that it needs.
struct DeliveryTask: Sendable {
    let delivery: NotificationDelivery
    let message: StoredMessage
    let topic: StoredTopic?
    /// Nil for what has a target of its own.
    let subscription: StoredSubscription?

    var wire: SubscriptionProtocol { subscription?.wire ?? delivery.target?.wire ?? .sqs }
    var endpoint: String { subscription?.endpoint ?? delivery.target?.endpoint ?? "" }
    var isRaw: Bool { (subscription?.attributes.isRaw ?? false) && message.content.kind == .notification }
    var deadLetterQueue: ARN? { subscription?.attributes.deadLetterQueue }

    var note: Notification {
        Notification(
            message: message,
            wire: wire,
            subscriptionARN: subscription?.arn ?? delivery.target?.subscriptionARN,
            server: subscription?.server ?? delivery.target?.server ?? "",
            isReplayed: delivery.replay != nil
        )
    }

    /// What is in force for deliveries over HTTP. A policy that this version does not understand counts as none.
    var policy: DeliveryPolicy {
        let topic = (try? self.topic?.attributes.deliveryPolicy()) ?? DeliveryPolicy()
        let subscription = (try? self.subscription?.attributes.deliveryPolicy()) ?? DeliveryPolicy()
        return .effective(topic: topic, subscription: subscription)
    }

    var schedule: RetrySchedule {
        guard delivery.stage == .first else { return .managed }
        return switch wire {
        case .http, .https: RetrySchedule(policy.retry ?? RetryPolicy())
        case .sqs, .lambda: .managed
        case .email, .emailJSON, .sms, .application: .customer
        }
    }
}

extension SNSRows {
    /// All that a try needs. Nil when the delivery is for nobody any more.
    func task(for delivery: NotificationDelivery, _ cipher: any Cipher) throws -> DeliveryTask? {
        let subscription = try delivery.subscriptionID.flatMap { try self.subscription($0) }
        guard subscription != nil || delivery.target != nil,
            let message = try message(delivery.messageID)?.opened(by: cipher)
        else { return nil }
        return DeliveryTask(
            delivery: delivery,
            message: message,
            topic: try message.topicID.flatMap { try topic(id: $0) },
            subscription: subscription
        )
    }
}

enum DeliveryOutcome: Sendable, Equatable {
    case delivered
    /// The endpoint may take it another time.
    case failed(String)
    /// It never will.
    case refused(String)
}

/// Makes one try, by protocol.
struct Deliverer: Sendable {
    let targets: TargetLookup
    let web: any WebSender
    let outbox: any Outbox
    let notes: NotificationWriter
    let clock: any WallClock
    let feed: EventFeed

    func attempt(_ task: DeliveryTask) async -> DeliveryOutcome {
        let outcome = await tried(task)
        feed.show(passage(task, outcome))
        return outcome
    }

    private func passage(_ task: DeliveryTask, _ outcome: DeliveryOutcome) -> EventPassage {
        let (result, reason): (EventPassage.Result, String?) =
            switch outcome {
            case .delivered: (.delivered, nil)
            case .failed(let reason): (.retried, reason)
            case .refused(let reason): (.failed, reason)
            }
        let isDeadLetter = task.delivery.stage == .deadLetter
        return EventPassage(
            at: clock.now,
            scope: task.message.topic.scope,
            from: task.message.topic.arn.description,
            to: isDeadLetter ? task.deadLetterQueue?.description ?? "" : task.endpoint,
            result,
            id: task.message.id,
            reason: reason
        )
    }

    private func tried(_ task: DeliveryTask) async -> DeliveryOutcome {
        do {
            if task.delivery.stage == .deadLetter { return try await bury(task) }
            switch task.wire {
            case .sqs: return try await queue(task, ARN(task.endpoint))
            case .lambda: return try await function(task)
            case .http, .https: return try await post(task)
            case .email, .emailJSON, .sms, .application: return try await put(task)
            }
        } catch let failure as WebFailure {
            return failure.isFinal ? .refused(failure.description) : .failed(failure.description)
        } catch let error as any ServiceError {
            let reason = error.sentence
            return error.isFinal ? .refused(reason) : .failed(reason)
        } catch {
            return .failed("\(error)")
        }
    }

    // MARK: Inside

    private func queue(_ task: DeliveryTask, _ queue: ARN?) async throws -> DeliveryOutcome {
        let content = task.message.content
        var event: EventDelivery
        if task.isRaw {
            event = self.event(content.body(for: .sqs), task)
            event.attributes = content.attributes.mapValues(\.event)
            if task.delivery.replay != nil { event.attributes["Replayed"] = .string("true") }
            guard event.attributes.count <= 10 else {
                return .refused("a raw message to a queue has at most 10 attributes")
            }
        } else {
            event = self.event(try await notes.json(task.note), task)
        }
        event.messageGroupID = content.groupID
        // A replayed message is not the copy of one that the queue has just seen.
        event.deduplicationID = content.deduplicationID.map { id in
            task.delivery.replay.map { SecretHash.of("\($0)/\(task.message.sequence)/\(id)") } ?? id
        }
        return try await deliver(event, to: queue)
    }

    private func function(_ task: DeliveryTask) async throws -> DeliveryOutcome {
        try await deliver(event(notes.functionEvent(task.note), task), to: ARN(task.endpoint))
    }

    private func event(_ text: String, _ task: DeliveryTask) -> EventDelivery {
        let topic = task.message.topic
        var event = EventDelivery(
            ByteBuffer(string: text),
            from: EventSource(servicePrincipal: "sns.amazonaws.com", arn: topic.arn, account: topic.scope.account)
        )
        event.traceHeader = task.message.content.traceHeader
        return event
    }

    private func deliver(_ event: EventDelivery, to arn: ARN?) async throws -> DeliveryOutcome {
        guard let arn, let target = targets(arn) else {
            return .refused("no service here takes deliveries to \(arn?.description ?? "this endpoint")")
        }
        try await target.deliver(event, to: arn)
        return .delivered
    }

    /// What could not be delivered goes to the subscription's queue in the form that the endpoint would have got; functions'
    /// in that of queues.
    private func bury(_ task: DeliveryTask) async throws -> DeliveryOutcome {
        guard let queue = task.deadLetterQueue else { return .refused("the subscription has no queue any more") }
        return try await self.queue(task, queue)
    }

    // MARK: Outside

    private func post(_ task: DeliveryTask) async throws -> DeliveryOutcome {
        let note = task.note
        var headers = [
            "User-Agent": "Amazon Simple Notification Service Agent",
            "Content-Type": task.policy.headerContentType ?? DeliveryPolicy.usualContentType,
            "x-amz-sns-message-type": note.kind.rawValue, "x-amz-sns-message-id": task.message.id,
            "x-amz-sns-topic-arn": task.message.topic.arn.description,
        ]
        if note.kind != .subscriptionConfirmation { headers["x-amz-sns-subscription-arn"] = note.subscriptionARN }
        if task.isRaw { headers["x-amz-sns-rawdelivery"] = "true" }
        if let login = WebAddress(task.endpoint)?.userInfo {
            headers["Authorization"] = "Basic \(Base64.encode(Array(login.utf8)))"
        }
        let body = task.isRaw ? note.body : try await notes.json(note)
        let status = try await web.post(WebPost(url: task.endpoint, headers: headers, body: body))
        switch status {
        case 200...299: return .delivered
        case 429, 100...199, 500...599: return .failed("status \(status)")
        default: return .refused("status \(status)")
        }
    }

    private func put(_ task: DeliveryTask) async throws -> DeliveryOutcome {
        let content = task.message.content
        let isLetter = task.wire == .email || task.wire == .emailJSON
        try await outbox.put(
            OutboxLetter(
                channel: isLetter ? .email : task.wire == .sms ? .sms : .application,
                recipient: task.endpoint,
                sender: content.kind == .notification
                    ? content.displayName ?? "AWS Notifications" : "Martlet Notifications",
                subject: subject(task),
                body: try await text(task),
                messageID: task.message.id,
                scope: task.message.scope,
                sentAt: clock.now
            )
        )
        return .delivered
    }

    private func subject(_ task: DeliveryTask) -> String {
        switch task.message.content.kind {
        case .notification: task.message.content.subject ?? "AWS Notification Message"
        case .subscriptionConfirmation: "AWS Notification - Subscription Confirmation"
        case .unsubscribeConfirmation: "AWS Notification - Unsubscribe Confirmation"
        }
    }

    private func text(_ task: DeliveryTask) async throws -> String {
        switch task.wire {
        case .emailJSON: try await notes.json(task.note)
        case .email: mail(task)
        default: task.note.body
        }
    }

    private func mail(_ task: DeliveryTask) -> String {
        let note = task.note
        switch note.kind {
        case .notification:
            return """
                \(note.body)

                --
                If you wish to stop receiving notifications from this topic, please visit the link below:
                \(note.unsubscribeURL ?? "")

                """
        case .subscriptionConfirmation:
            return """
                You have chosen to subscribe to the topic:
                \(task.message.topic.arn)

                To confirm this subscription, visit the link below:
                \(note.subscribeURL ?? "")

                """
        case .unsubscribeConfirmation:
            return """
                Your subscription to the topic below has been deactivated:
                \(task.message.topic.arn)

                To subscribe again, visit the link below:
                \(note.subscribeURL ?? "")

                """
        }
    }
}
