// SPDX-License-Identifier: Apache-2.0
import MartletCore

/// A compiled path of the REST binding: `/2015-03-31/functions/{FunctionName}/invocations`, `/{Bucket}/{Key+}`, `/x?list-type=2`.
package struct PathTemplate: Sendable {
    enum Segment: Sendable, Equatable {
        case literal(String)
        case label(String)
        /// Takes one segment or more, slashes included.
        case greedy(String)
    }

    let segments: [Segment]
    /// What the query must hold; nil for a parameter that must only be there.
    let fixedQuery: [(name: String, value: String?)]

    package init(_ template: String) {
        let halves = template.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        segments = halves[0].split(separator: "/").map(Self.segment)
        fixedQuery =
            halves.count < 2
            ? []
            : halves[1].split(separator: "&").map { pair in
                let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                return (String(parts[0]), parts.count > 1 ? String(parts[1]) : nil)
            }
    }

    private static func segment(_ text: Substring) -> Segment {
        guard text.hasPrefix("{"), text.hasSuffix("}") else { return .literal(String(text)) }
        let name = text.dropFirst().dropLast()
        return name.hasSuffix("+") ? .greedy(String(name.dropLast())) : .label(String(name))
    }

    /// The values of the labels, still encoded; nil where the path does not fit. A slash at the end makes no difference,
    /// except to a greedy label.
    package func match(_ path: [Substring]) -> [String: String]? {
        guard let greedy = segments.firstIndex(where: { if case .greedy = $0 { true } else { false } }) else {
            let path = path.last?.isEmpty == true ? path.dropLast() : path[...]
            return fit(segments[...], path)
        }
        let after = segments.count - greedy - 1
        guard path.count >= segments.count, case .greedy(let name) = segments[greedy] else { return nil }
        let middle = path[greedy..<(path.count - after)]
        guard var labels = fit(segments[..<greedy], path[..<greedy]),
            let rest = fit(segments[(greedy + 1)...], path[(path.count - after)...])
        else { return nil }
        let value = middle.joined(separator: "/")
        guard !value.isEmpty else { return nil }
        labels[name] = value
        return labels.merging(rest) { first, _ in first }
    }

    private func fit(_ segments: ArraySlice<Segment>, _ path: ArraySlice<Substring>) -> [String: String]? {
        guard segments.count == path.count else { return nil }
        var labels: [String: String] = [:]
        for (segment, text) in zip(segments, path) {
            switch segment {
            case .literal(let literal): guard text == literal || Self.decode(text) == literal else { return nil }
            case .label(let name), .greedy(let name):
                guard !text.isEmpty else { return nil }
                labels[name] = String(text)
            }
        }
        return labels
    }

    func fits(query: FormItems) -> Bool {
        fixedQuery.allSatisfy { name, value in
            query.items.contains { $0.name == name && (value == nil || $0.value == value) }
        }
    }

    /// The parts between the slashes of a raw path; the one before the first slash is dropped.
    static func split(_ path: String) -> [Substring] {
        Array(path.parts(at: "/").dropFirst())
    }

    /// Undoes percent-encoding. A plus is a plus in a path.
    static func decode(_ text: some StringProtocol) -> String {
        guard text.utf8.contains(0x25) else { return String(text) }
        return String(decoding: URIEncoding.decode(Array(text.utf8)), as: UTF8.self)
    }

    /// The path with its labels filled in, encoded; nil where one is missing or empty.
    func filled(with labels: [String: String]) -> String? {
        var path = ""
        for segment in segments {
            path += "/"
            switch segment {
            case .literal(let text): path += text
            case .label(let name):
                guard let value = labels[name], !value.isEmpty else { return nil }
                path += URIEncoding.encode(value)
            case .greedy(let name):
                guard let value = labels[name], !value.isEmpty else { return nil }
                path += URIEncoding.encode(value, keepingSlashes: true)
            }
        }
        return path.isEmpty ? "/" : path
    }

    /// Orders templates: the more specific one comes first.
    static func isMoreSpecific(_ left: PathTemplate, _ right: PathTemplate) -> Bool {
        let ranks = (left.segments.map(\.rank), right.segments.map(\.rank))
        if ranks.0 != ranks.1 { return ranks.0.lexicographicallyPrecedes(ranks.1) }
        return left.fixedQuery.count > right.fixedQuery.count
    }
}

extension PathTemplate.Segment {
    fileprivate var rank: Int {
        switch self {
        case .literal: 0
        case .label: 1
        case .greedy: 2
        }
    }
}
