// SPDX-License-Identifier: Apache-2.0

/// What an AWS runtime identifier asks for.
enum RuntimeFamily: Sendable, Equatable {
    /// `python3.12` → 3.12
    case python(minor: Int)
    /// `nodejs20.x` → 20
    case node(major: Int)
    /// `ruby3.4` → 304: the minor version has two digits.
    case ruby(version: Int)
    /// `java21`, `java17.al2023` → 21, 17
    case java(feature: Int)
    /// `provided.al2`, `provided.al2023`: the package or a layer brings `bootstrap`.
    case provided
    /// One that Martlet cannot run yet.
    case other

    init(_ identifier: String) {
        if identifier.hasPrefix("python3."), let minor = Int(identifier.dropFirst(8)) {
            self = .python(minor: minor)
        } else if identifier.hasPrefix("nodejs"), identifier.hasSuffix(".x"),
            let major = Int(identifier.dropFirst(6).dropLast(2))
        {
            self = .node(major: major)
        } else if let version = Self.rubyVersion(identifier) {
            self = .ruby(version: version)
        } else if identifier.hasPrefix("java"), let feature = Int(identifier.dropFirst(4).prefix { $0 != "." }) {
            self = .java(feature: feature)
        } else if identifier.hasPrefix("provided") {
            self = .provided
        } else {
            self = .other
        }
    }

    private static func rubyVersion(_ identifier: String) -> Int? {
        guard identifier.hasPrefix("ruby") else { return nil }
        return rubyVersion(number: identifier.dropFirst(4))
    }

    /// 304 for `3.4` and `3.4.1`.
    static func rubyVersion(number: some StringProtocol) -> Int? {
        let parts = number.split(separator: ".").map { Int($0) }
        guard parts.count >= 2, let major = parts[0], let minor = parts[1], 0..<100 ~= major, 0..<100 ~= minor else {
            return nil
        }
        return major * 100 + minor
    }
}
