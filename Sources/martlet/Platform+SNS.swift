// SPDX-License-Identifier: Apache-2.0
import EventDelivery
import Logging
import Logs
import MartletCore
import SNS

extension Platform {
    /// - Parameter targets: where deliveries to queues and functions go, by ARN.
    static func topics(
        _ storage: PlatformStorage,
        _ settings: PlatformSettings,
        _ logs: LogsService,
        _ web: WebClient,
        _ deliveries: DeliveryEngine,
        _ clock: any WallClock,
        _ ids: any IDSource,
        _ logger: Logger,
        feed: EventFeed,
        targets: @escaping TargetLookup
    ) async throws -> SNSService {
        var parts =
            SNSParts(
                database: storage.database,
                cipher: storage.cipher,
                targets: targets,
                web: web,
                outbox: FiledOutbox(directory: "\(storage.directory)/sns-mail", log: logs),
                clock: clock,
                ids: ids,
                deliveries: deliveries,
                logger: logger
            )
        parts.feed = feed
        let service = SNSService(parts)
        try await service.migrate()
        return service
    }
}
