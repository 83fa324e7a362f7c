// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import ServiceLifecycle

extension SQSService {
    /// Hides and returns up to ten messages; waits for the first as long as was asked. AWS: ReceiveMessage
    func receiveMessage(_ input: ReceiveMessageInput, _ context: RequestContext) async throws -> ReceiveMessageOutput {
        let address = try address(input.queueUrl, in: context)
        let order = try ReceiveOrder(input)
        let names = try Self.systemAttributeNames(input)
        let attributeNames = input.messageAttributeNames ?? []
        guard attributeNames.count <= 1_000 else {
            throw InvalidParameterValueException("Too many message attribute names.")
        }
        let found = try await receive(order, from: address, waitSeconds: input.waitTimeSeconds)
        let messages = try found.messages.map { try $0.wire(of: found.queue.id, names, attributeNames) }
        return ReceiveMessageOutput(messages: messages.isEmpty ? nil : messages)
    }

    private static func systemAttributeNames(_ input: ReceiveMessageInput) throws -> Set<String> {
        let names = Set(
            (input.attributeNames ?? []).map(\.rawValue) + (input.messageSystemAttributeNames ?? []).map(\.rawValue)
        )
        // The names of queue attributes are no mistake here: AWS passes over them.
        for name in names.sorted()
        where !MessageSystemAttributeName.allValues.contains(name) && !QueueAttributeName.allValues.contains(name) {
            throw InvalidAttributeName.unknown(name)
        }
        return names
    }

    /// One look, or as many as the wait allows. `waitSeconds` is the queue's own when nil.
    func receive(_ order: ReceiveOrder, from address: QueueAddress, waitSeconds: Int?) async throws -> Catch {
        let startedAt = clock.now
        var found = try await look(order, at: address)
        let wait = Duration.seconds(Int64(waitSeconds ?? found.queue.settings.waitSeconds))
        guard found.messages.isEmpty, wait > .zero, let waiter = waiters.register(for: found.queue.id) else {
            return found
        }
        do {
            // Once more, now that nothing slips by.
            found = try await look(order, at: address)
            while found.messages.isEmpty, clock.now < startedAt + wait, !waiters.hasClosed {
                let dueAt = found.isCutShort ? clock.now : found.nextDueAt
                try await waiter.wait(until: startedAt + wait, dueAt: dueAt, clock: clock)
                found = try await look(order, at: address)
            }
        } catch {
            waiter.leave(passingOn: true)
            throw error
        }
        waiter.leave(passingOn: !found.messages.isEmpty)
        return found
    }

    /// One transaction.
    private func look(_ order: ReceiveOrder, at address: QueueAddress) async throws -> Catch {
        let now = clock.now
        let found = try await store.write { [inFlight] queues in
            let queue = try queues.rows.requireQueue(address)
            try Self.checkInFlight(of: queue, inFlight, queues.rows, at: now)
            return try queues.receive(order, from: queue, at: now)
        }
        if let letters = found.deadLetters {
            waiters.signal(letters.target.id, count: SQSLimits.messagesPerReceive)
            show(letters, of: found.queue, at: now)
        }
        guard !found.messages.isEmpty else { return found }
        inFlight.add(found.messages.count, to: found.queue.pileID)
        let seconds = order.visibilitySeconds ?? found.queue.settings.visibilitySeconds
        waiters.note(found.queue.id, dueAt: now + .seconds(Int64(seconds)))
        return found
    }

    private func show(_ letters: DeadLetters, of queue: Queue, at now: Instant) {
        for id in letters.messageIDs {
            feed.show(
                EventPassage(
                    at: now,
                    scope: queue.address.scope,
                    from: queue.address.arn.description,
                    to: letters.target.address.arn.description,
                    .delivered,
                    id: id,
                    reason: "received too often"
                )
            )
        }
    }

    private static func checkInFlight(
        of queue: Queue,
        _ gauge: InFlightGauge,
        _ rows: QueueRows,
        at now: Instant
    ) throws {
        if let bound = gauge.bound(of: queue.pileID), bound < SQSLimits.inFlight { return }
        let count = try rows.inFlight(of: queue.pileID, at: now)
        gauge.set(count, of: queue.pileID)
        guard count < SQSLimits.inFlight else {
            throw OverLimit("Too many messages of the queue are in flight: \(SQSLimits.inFlight) at most.")
        }
    }
}

extension ReceiveOrder {
    /// Throws `InvalidParameterValue` in AWS's words.
    init(_ input: ReceiveMessageInput) throws {
        func check(_ value: Int?, _ range: ClosedRange<Int>, _ parameter: String, _ reason: String) throws {
            guard let value, !range.contains(value) else { return }
            throw InvalidParameterValueException.value(value, of: parameter, reason)
        }
        try check(
            input.maxNumberOfMessages,
            1...SQSLimits.messagesPerReceive,
            "MaxNumberOfMessages",
            "Must be between 1 and 10, if provided."
        )
        try check(
            input.waitTimeSeconds,
            0...SQSLimits.waitSeconds,
            "WaitTimeSeconds",
            "Must be >= 0 and <= 20, if provided."
        )
        try check(
            input.visibilityTimeout,
            0...SQSLimits.visibilitySeconds,
            "VisibilityTimeout",
            "Must be between 0 and 43200, if provided."
        )
        if let id = input.receiveRequestAttemptId {
            guard (1...SQSLimits.identifierLength).contains(id.utf8.count),
                id.utf8.allSatisfy(\.isAlphanumericOrPunctuation)
            else {
                throw InvalidParameterValueException.value(
                    id.prefix(512),
                    of: "ReceiveRequestAttemptId",
                    "ReceiveRequestAttemptId can only include alphanumeric and punctuation characters. 1 to 128 in length."
                )
            }
        }
        limit = input.maxNumberOfMessages ?? 1
        visibilitySeconds = input.visibilityTimeout
        attemptID = input.receiveRequestAttemptId
    }
}

extension StoredMessage {
    /// As ReceiveMessage shows it, with what was asked for.
    func wire(of queueID: Int, _ names: Set<String>, _ attributeNames: [String]) throws -> Message {
        var message = Message()
        message.messageId = id
        message.receiptHandle = handle(of: queueID)
        message.body = body
        message.md5OfBody = MD5.text(of: body.utf8)
        if !names.isEmpty {
            let all = systemAttributes
            let shown = names.contains("All") ? all : all.filter { names.contains($0.key) }
            if !shown.isEmpty { message.attributes = shown }
        }
        if !attributeNames.isEmpty, attributes != nil {
            let selected = try MessageAttributes(stored: attributes).selected(by: attributeNames)
            message.messageAttributes = selected.wire
            message.md5OfMessageAttributes = selected.md5
        }
        return message
    }
}
