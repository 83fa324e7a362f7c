// SPDX-License-Identifier: Apache-2.0
import NIOConcurrencyHelpers

/// Values of one kind, each behind a lock of its own, one for every group of keys: who touches other keys seldom waits.
struct Striped<Value: Sendable>: Sendable {
    private let stripes: [NIOLockedValueBox<Value>]

    /// - Parameter count: at least one.
    init(_ count: Int, _ make: () -> Value) { stripes = (0..<max(1, count)).map { _ in NIOLockedValueBox(make()) } }

    /// The value that the key's group has. Equal keys have the same.
    func withValue<Result>(
        for key: some Hashable,
        _ body: (inout Value) throws -> Result
    ) rethrows -> Result {
        let stripe = UInt(bitPattern: key.hashValue) % UInt(stripes.count)
        return try stripes[Int(stripe)].withLockedValue(body)
    }

    /// One after the other, so together they are of no single moment.
    func map<Result>(_ body: (inout Value) throws -> Result) rethrows -> [Result] {
        try stripes.map { try $0.withLockedValue(body) }
    }
}
