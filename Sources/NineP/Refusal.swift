// SPDX-License-Identifier: Apache-2.0

/// Why a request is not done: an error number of Linux, which Rlerror carries.
struct Refusal: Error, Equatable {
    let code: Int32

    init(_ code: Int32) { self.code = code }

    /// The result of a function of `CLinux`, which is minus `errno` when it fails.
    static func check<Number: SignedInteger>(_ result: Number) throws(Refusal) -> Number {
        guard result < 0 else { return result }
        throw Refusal(Int32(clamping: -Int64(result)))
    }
}
