// SPDX-License-Identifier: Apache-2.0

/// All events that `martlet generate-event` makes: those of `sam local generate-event`, by the same names.
enum SampleEvents {
    static let all: [SampleEvent] = [
        alexa, web, cloudFront, appSync, storage, streams, messaging, mail, operations, config, developer, lex, lexV2,
        people,
    ].flatMap { $0 }.sorted { ($0.service, $0.name) < ($1.service, $1.name) }

    static var services: [String] {
        all.reduce(into: []) { if $0.last != $1.service { $0.append($1.service) } }
    }

    static func events(of service: String) -> [SampleEvent] { all.filter { $0.service == service } }
}
