// SPDX-License-Identifier: Apache-2.0
internal import CLinux

/// The counter by which a processor tells the time.
package enum TimeStampCounter {
    /// Thousands of ticks a second, measured for 20 ms; 0 where there is no such counter.
    package static func kilohertz() -> UInt64 { martlet_time_stamp_khz() }
}
