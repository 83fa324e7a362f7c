// SPDX-License-Identifier: Apache-2.0

/// Prometheus's text format, version 0.0.4, family by family.
package struct PrometheusText: Sendable {
    package enum Kind: String, Sendable { case counter, gauge }

    package private(set) var text = ""

    package init() {}

    /// Begins a family; its samples follow.
    package mutating func family(_ name: String, _ kind: Kind, _ help: String) {
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(kind.rawValue)\n"
    }

    /// Names of labels are made fit; what is in them can be anything.
    package mutating func sample(
        _ name: String,
        _ labels: [(String, String)] = [],
        _ value: some CustomStringConvertible
    ) {
        let shown = labels.map { label, value in "\(Self.name(label))=\"\(Self.escaped(value))\"" }
        text += labels.isEmpty ? "\(name) \(value)\n" : "\(name){\(shown.joined(separator: ","))} \(value)\n"
    }

    private static func escaped(_ value: String) -> String {
        var escaped = ""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\\": escaped += "\\\\"
            case "\"": escaped += "\\\""
            case "\n": escaped += "\\n"
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }

    /// Letters, digits and underscores, no digit first.
    private static func name(_ label: String) -> String {
        let fit = label.utf8.map { byte -> Character in
            switch byte {
            case 0x30...0x39, 0x41...0x5a, 0x5f, 0x61...0x7a: Character(UnicodeScalar(byte))
            default: "_"
            }
        }
        return (fit.first?.isNumber ?? true ? "_" : "") + String(fit)
    }
}
