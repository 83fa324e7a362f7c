// SPDX-License-Identifier: Apache-2.0

/// What an AWS runtime identifier asks for.
enum RuntimeFamily: Sendable, Equatable {
    /// `python3.12` → 3.12
    case python(minor: Int)
    /// `nodejs20.x` → 20
    case node(major: Int)
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
        } else if identifier.hasPrefix("provided") {
            self = .provided
        } else {
            self = .other
        }
    }
}
