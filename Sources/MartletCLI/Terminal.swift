// SPDX-License-Identifier: Apache-2.0
import Glibc

/// What standard output is, and colours where it shows them.
struct Terminal: Sendable {
    enum Colour: String {
        case green = "32"
        case yellow = "33"
        case red = "31"
        case grey = "90"
    }

    var isColoured: Bool

    /// Colours on a terminal, unless NO_COLOR is set.
    static var standard: Terminal {
        let isDumb = EndpointOptions.variable("TERM") == "dumb"
        return Terminal(isColoured: isatty(1) == 1 && !isDumb && EndpointOptions.variable("NO_COLOR") == nil)
    }

    func paint(_ text: String, _ colour: Colour) -> String {
        isColoured ? "\u{1b}[\(colour.rawValue)m\(text)\u{1b}[0m" : text
    }

    /// As it may stand on a terminal: a message's control characters would steer it.
    static func plain(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0x0a: result += "\\n"
            case 0x0d: result += "\\r"
            case 0x09: result += "\\t"
            case 0..<0x20, 0x7f...0x9f: result += "\u{fffd}"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    static func cut(_ text: String, to width: Int) -> String {
        text.count <= width ? text : text.prefix(max(width - 1, 0)) + "…"
    }
}

/// Rows in columns as wide as their widest cell; the last one is not padded.
enum Columns {
    static func text(_ rows: [[String]]) -> String {
        let columns = rows.map(\.count).max() ?? 0
        let widths = (0..<columns).map { column in
            rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
        }
        return rows.map { row in
            row.enumerated().map { column, cell in
                column == row.count - 1 ? cell : cell + String(repeating: " ", count: widths[column] - cell.count)
            }.joined(separator: "  ") + "\n"
        }.joined()
    }
}
