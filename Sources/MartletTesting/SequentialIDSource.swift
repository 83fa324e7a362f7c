// SPDX-License-Identifier: Apache-2.0
import MartletCore
import NIOConcurrencyHelpers

/// Ids that a test can predict: 1, 2, 3, … in the last bytes.
package final class SequentialIDSource: IDSource {
    private let last: NIOLockedValueBox<UInt64>

    package init(after last: UInt64 = 0) { self.last = NIOLockedValueBox(last) }

    package func bytes(_ count: Int) -> [UInt8] {
        let number = last.withLockedValue { last in
            last &+= 1
            return last
        }
        return (0..<count).reversed().map { place in
            place < 8 ? UInt8(truncatingIfNeeded: number >> UInt64(place * 8)) : 0
        }
    }
}
