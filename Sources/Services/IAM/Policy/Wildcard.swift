// SPDX-License-Identifier: Apache-2.0

/// Text in which `*` stands for any characters and `?` for one, as policies write actions and resources.
///
/// Symbols are Unicode scalars, so `?` takes a whole letter. Matching never backtracks further than to the last `*`: the
/// cost is at most pattern × text, whatever a policy holds.
struct Wildcard: Sendable, Hashable {
    /// Values that no Unicode scalar has.
    static let anySymbol = UInt32.max
    static let oneSymbol = UInt32.max - 1

    private let symbols: [UInt32]

    init(symbols: [UInt32]) { self.symbols = symbols }

    init(_ text: some StringProtocol) { self.init(symbols: Self.symbols(of: text)) }

    static func symbols(of text: some StringProtocol) -> [UInt32] {
        text.unicodeScalars.map { scalar in
            switch scalar {
            case "*": anySymbol
            case "?": oneSymbol
            default: scalar.value
            }
        }
    }

    static func literals(of text: some StringProtocol) -> [UInt32] { text.unicodeScalars.map(\.value) }

    func matches(_ text: some StringProtocol) -> Bool { matches(Self.literals(of: text)) }

    func matches(_ text: [UInt32]) -> Bool {
        var (symbol, position) = (0, 0)
        var retry: (symbol: Int, position: Int)?
        while position < text.count {
            if symbol < symbols.count, symbols[symbol] == Self.anySymbol {
                retry = (symbol + 1, position)
                symbol += 1
            } else if symbol < symbols.count, symbols[symbol] == Self.oneSymbol || symbols[symbol] == text[position] {
                symbol += 1
                position += 1
            } else if let last = retry {
                // The last `*` swallows one more; earlier ones need not be tried again.
                retry = (last.symbol, last.position + 1)
                (symbol, position) = (last.symbol, last.position + 1)
            } else {
                return false
            }
        }
        return symbols[symbol...].allSatisfy { $0 == Self.anySymbol }
    }
}
