// SPDX-License-Identifier: Apache-2.0
import MartletCore

/// Where an event stands among the others: by its timestamp, then in the order of arrival.
struct EventPosition: Sendable, Comparable {
    var timestamp: Int
    /// From 1 on, so that 0 is before all events of an instant.
    var sequence: Int

    /// The last millisecond of the year 9999; no event is later.
    static let latestTimestamp = 253_402_300_799_999
    static let first = EventPosition(timestamp: 0, sequence: 0)
    static let last = EventPosition(timestamp: .max, sequence: .max)

    /// Before all events of that millisecond, and behind all earlier ones.
    static func before(_ timestamp: Int) -> EventPosition { EventPosition(timestamp: timestamp, sequence: 0) }
    /// Behind all events of that millisecond.
    static func behind(_ timestamp: Int) -> EventPosition { EventPosition(timestamp: timestamp, sequence: .max) }

    /// The position right behind this one, and right before it.
    var next: EventPosition { EventPosition(timestamp: timestamp, sequence: sequence == .max ? .max : sequence + 1) }
    var previous: EventPosition { EventPosition(timestamp: timestamp, sequence: max(sequence - 1, 0)) }

    static func < (left: EventPosition, right: EventPosition) -> Bool {
        (left.timestamp, left.sequence) < (right.timestamp, right.sequence)
    }

    /// 56 digits, as AWS's event ids have; greater for later events of a stream.
    func eventID(stream: Int) -> String {
        "3" + Int64(timestamp).digits(15) + Int64(sequence).digits(20) + Int64(stream).digits(20)
    }

    /// Nil when `id` is not the id of an event of that stream.
    init?(eventID id: some StringProtocol, stream: Int) {
        let digits = Array(id.utf8)
        guard digits.count == 56, digits.first == UInt8(ascii: "3"), digits.allSatisfy(\.isDigit) else { return nil }
        let numbers = [1..<16, 16..<36, 36..<56].map { Int(String(decoding: digits[$0], as: UTF8.self)) }
        guard let timestamp = numbers[0], let sequence = numbers[1], numbers[2] == stream else { return nil }
        self.init(timestamp: timestamp, sequence: sequence)
    }

    init(timestamp: Int, sequence: Int) {
        self.timestamp = timestamp
        self.sequence = sequence
    }
}

/// A token of GetLogEvents: a place in one stream, and the direction to go on from there.
struct StreamToken: Sendable, Equatable {
    enum Direction: String, Sendable {
        case forward = "f"
        case backward = "b"
    }

    var direction: Direction
    /// Events strictly behind (forward) or before (backward) this are next.
    var position: EventPosition

    func text(stream: Int) -> String { "\(direction.rawValue)/\(position.eventID(stream: stream))/s" }

    init(_ direction: Direction, _ position: EventPosition) {
        self.direction = direction
        self.position = position
    }

    /// Nil for anything that `text` has not made for this stream. The `/s` at the end may be missing, as in older tokens.
    init?(_ text: String, stream: Int) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2 || (parts.count == 3 && parts[2] == "s"),
            let direction = Direction(rawValue: String(parts[0])),
            let position = EventPosition(eventID: parts[1], stream: stream)
        else { return nil }
        self.init(direction, position)
    }
}
