// SPDX-License-Identifier: Apache-2.0

/// Text of a policy that may hold variables: `${aws:username}`, with a default as `${aws:PrincipalTag/team, 'none'}`, and
/// the escapes `${*}`, `${?}` and `${$}`.
struct PolicyTemplate: Sendable, Equatable {
    private enum Piece: Sendable, Equatable {
        case symbols([UInt32])
        case variable(key: String, fallback: String?)
    }

    private let pieces: [Piece]

    /// Variables are known to policies of version 2012-10-17 only; elsewhere, `${` is plain text.
    /// `wildcards` tells whether `*` and `?` outside variables are more than themselves.
    init(_ text: some StringProtocol, variables: Bool, wildcards: Bool) {
        var builder = Builder(wildcards: wildcards)
        if variables {
            builder.split(Substring(text))
        } else {
            builder.add(text: Substring(text))
        }
        pieces = builder.pieces
    }

    var hasVariables: Bool {
        pieces.contains { if case .variable = $0 { true } else { false } }
    }

    /// The symbols with every variable replaced, whose values stand for themselves only. Nil when a variable has no single
    /// value in this request and no default: then the element that holds it matches nothing.
    func resolved(_ keys: ConditionKeys) -> [UInt32]? {
        if pieces.count == 1, case .symbols(let symbols) = pieces[0] { return symbols }
        var result: [UInt32] = []
        for piece in pieces {
            switch piece {
            case .symbols(let symbols): result += symbols
            case .variable(let key, let fallback):
                guard let value = keys.single(key) ?? fallback else { return nil }
                result += Wildcard.literals(of: value)
            }
        }
        return result
    }

    private struct Builder {
        let wildcards: Bool
        var pieces: [Piece] = []

        init(wildcards: Bool) { self.wildcards = wildcards }

        mutating func split(_ text: Substring) {
            var rest = text
            while let open = rest.firstRange(of: "${"), let close = rest[open.upperBound...].firstIndex(of: "}") {
                add(text: rest[..<open.lowerBound])
                add(variable: rest[open.upperBound..<close])
                rest = rest[rest.index(after: close)...]
            }
            add(text: rest)
        }

        mutating func add(text: Substring) {
            append(wildcards ? Wildcard.symbols(of: text) : Wildcard.literals(of: text))
        }

        private mutating func add(variable: Substring) {
            if variable == "*" || variable == "?" || variable == "$" { return append(Wildcard.literals(of: variable)) }
            guard let comma = variable.firstIndex(of: ",") else {
                return pieces.append(.variable(key: variable.trimmed.lowercased(), fallback: nil))
            }
            let fallback = variable[variable.index(after: comma)...].trimmed
            let isQuoted = fallback.count >= 2 && fallback.first == "'" && fallback.last == "'"
            pieces.append(
                .variable(
                    key: variable[..<comma].trimmed.lowercased(),
                    fallback: String(isQuoted ? fallback.dropFirst().dropLast() : fallback)
                )
            )
        }

        private mutating func append(_ symbols: [UInt32]) {
            if case .symbols(let before)? = pieces.last {
                pieces[pieces.count - 1] = .symbols(before + symbols)
            } else {
                pieces.append(.symbols(symbols))
            }
        }
    }
}

extension Substring {
    /// Without the spaces at both ends.
    fileprivate var trimmed: Substring {
        var result = self
        while result.first == " " { result = result.dropFirst() }
        while result.last == " " { result = result.dropLast() }
        return result
    }

    /// The first place of a short needle. The standard library's own search lives in a module of its own.
    fileprivate func firstRange(of needle: String) -> Range<Index>? {
        let wanted = Array(needle.unicodeScalars)
        var start = startIndex
        while start < endIndex {
            var (end, matched) = (start, 0)
            while matched < wanted.count, end < endIndex, unicodeScalars[end] == wanted[matched] {
                end = unicodeScalars.index(after: end)
                matched += 1
            }
            if matched == wanted.count { return start..<end }
            start = unicodeScalars.index(after: start)
        }
        return nil
    }
}
