// SPDX-License-Identifier: Apache-2.0
import AWSWire
import EventDelivery
import Logging
import MartletCore

/// Carries records to destinations and dead-letter queues, as the function's role.
struct AsyncOutcomes: Sendable {
    static let queue = "lambda-outcome"
    /// Five tries within some minutes; then the record is lost, and a metric says so.
    private static let patience = TargetQueue.Patience(
        tries: 5,
        age: .seconds(3_600),
        backoff: Backoff(first: .seconds(1), longest: .seconds(60))
    )

    var targets: EventTargets
    var permissions: OutcomePermissions
    var metrics: AsyncMetrics
    var clock: any WallClock
    var ids: any IDSource
    var logger: Logger

    /// Stored together with the event's end.
    func deliveries(of record: InvocationRecord, _ settings: AsyncSettings) -> [NewDelivery] {
        let isSuccess = record.condition == .success
        let function = record.event.function
        let source = EventSource(
            servicePrincipal: "lambda.amazonaws.com",
            arn: function.arn,
            account: function.scope.account,
            role: settings.role
        )
        var events: [StoredEvent] = []
        if let destination = isSuccess ? settings.onSuccess : settings.onFailure {
            var event = EventDelivery(record.json, from: source)
            event.traceHeader = record.event.traceHeader
            events.append(StoredEvent(event, to: destination, context: Kind.destination.text(of: function)))
        }
        if !isSuccess, let queue = settings.deadLetters {
            let letter = record.deadLetter(from: source)
            events.append(StoredEvent(letter, to: queue, context: Kind.deadLetter.text(of: function)))
        }
        return events.map {
            $0.delivery(Self.queue, id: record.event.id, scope: function.scope, at: clock.now)
        }
    }

    /// Delivers them.
    var handler: TargetQueue {
        TargetQueue(
            Self.queue,
            to: targets,
            patience: Self.patience,
            clock: clock,
            ids: ids,
            permit: { [permissions] in try await permissions.check($0.event.source.role, writes: $0.target) },
            report: { stored, delivery, outcome in
                if case .failed(let error) = outcome { failed(stored, delivery, error) }
                return []
            }
        )
    }

    private func failed(_ stored: StoredEvent, _ delivery: Delivery, _ error: any Error) {
        guard let (kind, function) = Kind.read(stored.context, in: delivery.scope) else { return }
        metrics.record(kind == .deadLetter ? .deadLetterErrors : .destinationFailures, of: function)
        logger.warning(
            "a record of an asynchronous event is lost",
            metadata: [
                "function": "\(function.qualifiedARN)", "event": "\(delivery.id)", "target": "\(stored.target)",
                "cause": "\(error)",
            ]
        )
    }

    /// Which of the two it is, and whose: what the report needs.
    private enum Kind: String {
        case destination
        case deadLetter

        func text(of function: FunctionReference) -> String {
            "\(rawValue) \(function.name) \(function.qualifier ?? "")"
        }

        static func read(_ text: String, in scope: Scope) -> (Kind, FunctionReference)? {
            let words = text.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
            guard words.count == 3, let kind = Kind(rawValue: words[0]) else { return nil }
            let qualifier = words[2].isEmpty ? nil : words[2]
            return (kind, FunctionReference(scope: scope, name: words[1], qualifier: qualifier))
        }
    }
}
