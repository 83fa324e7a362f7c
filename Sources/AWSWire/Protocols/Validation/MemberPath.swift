// SPDX-License-Identifier: Apache-2.0

/// Where in a request a coder is, as violations name it: `environment.variables`, `tags.1.member.key`.
struct MemberPath {
    enum Step {
        case member(String)
        /// Counted from one.
        case element(Int)
        case entry(String)
    }

    private var steps: [Step] = []

    mutating func push(_ step: Step) { steps.append(step) }
    mutating func pop() { _ = steps.popLast() }

    /// The path of a member of the current structure, or of the current element itself.
    func text(of field: Field?) -> String {
        var parts: [String] = []
        for step in steps {
            switch step {
            case .member(let name): parts.append(Self.lowerCamel(name))
            case .element(let index): parts += [String(index), "member"]
            case .entry(let key): parts += [key, "member"]
            }
        }
        if let field { parts.append(Self.lowerCamel(field.name)) }
        return parts.joined(separator: ".")
    }

    /// Only the first letter changes: AWS writes `kMSKeyArn`.
    static func lowerCamel(_ name: String) -> String { name.prefix(1).lowercased() + name.dropFirst() }
}

/// What a reader could not put into the shape, for the validator: the required members that were absent.
final class ReadingNotes {
    /// More than the validator reports, so the first ones are all there.
    static let maximumMissing = 1_000

    private var path = MemberPath()
    private(set) var missing: Set<String> = []

    func absent(_ field: Field) {
        guard field.isRequired, missing.count < Self.maximumMissing else { return }
        missing.insert(path.text(of: field))
    }

    func within<R>(_ step: MemberPath.Step, _ body: () throws -> R) rethrows -> R {
        path.push(step)
        defer { path.pop() }
        return try body()
    }
}
