// SPDX-License-Identifier: Apache-2.0
import MartletCore

/// What a receiver deletes a message by: where the message is, which receive this was, and the message's id, so that nobody
/// finds one by counting.
struct ReceiptHandle: Sendable, Equatable {
    let queueID: Int
    let sequence: Int
    /// How often the message had been received from this queue, this time included.
    let receives: Int
    let messageID: String

    private static let mark: [UInt8] = [0x4d, 0x51, 0x31]

    init(queueID: Int, sequence: Int, receives: Int, messageID: String) {
        self.queueID = queueID
        self.sequence = sequence
        self.receives = receives
        self.messageID = messageID
    }

    /// Throws `ReceiptHandleIsInvalid` for any text that `text` has not made, and for handles of other queues.
    init(parsing text: String, of queueID: Int) throws {
        guard text.utf8.count <= 1_024, let bytes = Base64.decode(text), bytes.prefix(3) == Self.mark[...],
            bytes.count > 3 + 24
        else { throw ReceiptHandleIsInvalid.handle(text) }
        func number(_ index: Int) -> Int {
            Int(
                truncatingIfNeeded: bytes[(3 + index * 8)..<(11 + index * 8)].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            )
        }
        guard number(0) == queueID, let id = String(validating: bytes[27...], as: UTF8.self) else {
            throw ReceiptHandleIsInvalid.handle(text)
        }
        self.init(queueID: queueID, sequence: number(1), receives: number(2), messageID: id)
    }

    var text: String {
        var bytes = Self.mark
        for number in [queueID, sequence, receives] {
            for shift in stride(from: 56, through: 0, by: -8) {
                bytes.append(UInt8(truncatingIfNeeded: number >> shift))
            }
        }
        return Base64.encode(bytes + messageID.utf8)
    }
}
