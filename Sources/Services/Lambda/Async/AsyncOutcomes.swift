// SPDX-License-Identifier: Apache-2.0
import AWSWire
import EventDelivery
import Logging
import MartletCore

/// Carries records to destinations and dead-letter queues, as the function's role.
struct AsyncOutcomes: Sendable {
    static let queue = "lambda-outcome"
    /// A record is the last that is known of an event: for a day, in pauses that grow to five minutes, so about 300 times. Then
    /// it is lost, and a metric says so. AWS does not say how long it tries.
    static let patience = TargetQueue.Patience(
        tries: 1_000,
        age: .seconds(86_400),
        backoff: Backoff(first: .seconds(1), longest: .seconds(300))
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
            let told = record.told(from: source)
            events.append(StoredEvent(told, to: destination, context: Kind.destination.text(of: function)))
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
