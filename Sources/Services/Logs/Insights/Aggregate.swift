// SPDX-License-Identifier: Apache-2.0
import AWSWire

/// A function of `stats`: what it is asked of each group of rows.
struct Aggregate: Sendable {
    enum Kind: Sendable, Equatable {
        /// Of rows, or of those where the field is there.
        case count
        case countDistinct
        case sum, average, minimum, maximum
        case percentile(Double)
        case standardDeviation
        /// The value of the row with the least, or the greatest, timestamp.
        case earliest, latest
        /// The least, or the greatest, in the order of sorting.
        case sortsFirst, sortsLast
        /// Of a number of different values, as a list.
        case values
    }

    let kind: Kind
    /// Nil for `count(*)`.
    let argument: Expression?

    static let names: [String: Kind] = [
        "count": .count, "count_distinct": .countDistinct, "sum": .sum, "avg": .average, "min": .minimum,
        "max": .maximum, "pct": .percentile(50), "percentile": .percentile(50), "stddev": .standardDeviation,
        "earliest": .earliest, "latest": .latest, "sortsfirst": .sortsFirst, "sortslast": .sortsLast,
        "median": .percentile(50), "values": .values,
    ]
}

/// What has been seen of one group for one aggregate.
struct Accumulator {
    private let kind: Aggregate.Kind
    private var count = 0
    private var sum = 0.0
    private var mean = 0.0
    private var squares = 0.0
    private var best: InsightsValue = .null
    private var bestTime: Int?
    private var numbers: [Double] = []
    private var seen: Set<String> = []
    private var order: [String] = []

    init(_ kind: Aggregate.Kind) { self.kind = kind }

    /// Takes the value of one row; returns how many bytes it keeps of it.
    mutating func take(_ value: InsightsValue, at time: Int?) -> Int {
        guard value != .null else { return 0 }
        switch kind {
        case .count: count += 1
        case .countDistinct, .values: return note(value.text ?? "")
        case .sum, .average, .standardDeviation: add(value.number)
        case .minimum: replaceBest(value, when: -1)
        case .maximum: replaceBest(value, when: 1)
        case .sortsFirst: if best == .null || InsightsValue.precedes(value, best) < 0 { best = value }
        case .sortsLast: if best == .null || InsightsValue.precedes(value, best) > 0 { best = value }
        case .percentile:
            guard let number = value.number else { return 0 }
            numbers.append(number)
            return MemoryLayout<Double>.size
        case .earliest: keep(value, time) { $0 < $1 }
        case .latest: keep(value, time) { $0 > $1 }
        }
        return 0
    }

    private mutating func note(_ text: String) -> Int {
        guard seen.insert(text).inserted else { return 0 }
        if kind == .values { order.append(text) }
        return text.utf8.count + 64
    }

    private mutating func add(_ number: Double?) {
        guard let number else { return }
        count += 1
        sum += number
        // Welford: no cancellation however large the numbers are.
        let delta = number - mean
        mean += delta / Double(count)
        squares += delta * (number - mean)
    }

    /// Numbers only, as texts have no least.
    private mutating func replaceBest(_ value: InsightsValue, when sign: Int) {
        guard let number = value.number else { return }
        guard let known = best.number else {
            best = value
            return
        }
        if sign < 0 ? number < known : number > known { best = value }
    }

    private mutating func keep(_ value: InsightsValue, _ time: Int?, _ isBetter: (Int, Int) -> Bool) {
        guard let time else { return }
        guard let known = bestTime else {
            (best, bestTime) = (value, time)
            return
        }
        if isBetter(time, known) { (best, bestTime) = (value, time) }
    }

    func result() -> InsightsValue {
        switch kind {
        case .count: return .finite(Double(count))
        case .countDistinct: return .finite(Double(seen.count))
        case .values: return .json(.array(order.map { .string($0) }))
        case .sum: return count == 0 ? .null : .finite(sum)
        case .average: return count == 0 ? .null : .finite(mean)
        case .standardDeviation: return count == 0 ? .null : .finite((squares / Double(count)).squareRoot())
        // Times come out as numbers, as in AWS.
        case .minimum, .maximum, .earliest, .latest, .sortsFirst, .sortsLast:
            if case .time(let time) = best { return .number(Double(time)) }
            if kind == .minimum || kind == .maximum { return .finite(best.number) }
            return best
        case .percentile(let percent): return .finite(Self.percentile(percent, of: numbers.sorted()))
        }
    }

    /// Between the two nearest ranks in proportion. Nil of nothing.
    static func percentile(_ percent: Double, of sorted: [Double]) -> Double? {
        guard let first = sorted.first, let last = sorted.last else { return nil }
        let rank = percent / 100 * Double(sorted.count - 1)
        guard rank > 0 else { return first }
        let lower = Int(rank)
        guard lower + 1 < sorted.count else { return last }
        return sorted[lower] + (sorted[lower + 1] - sorted[lower]) * (rank - Double(lower))
    }
}
