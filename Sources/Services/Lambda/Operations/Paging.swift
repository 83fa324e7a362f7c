// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

/// Markers and page sizes of Lambda's lists.
enum Paging {
    static func limit(_ asked: Int?, most: Int) -> Int { min(max(asked ?? most, 1), most) }

    /// The key after which the page begins; empty for the first page.
    static func key(_ marker: String?) throws -> String {
        guard let marker, !marker.isEmpty else { return "" }
        return try keys(marker, count: 1)[0]
    }

    /// The same for numbers; nil for the first page.
    static func number(_ marker: String?) throws -> Int? {
        guard let marker, !marker.isEmpty else { return nil }
        guard let number = Int(try keys(marker, count: 1)[0]) else { throw invalidMarker }
        return number
    }

    static func keys(_ marker: String, count: Int) throws -> [String] {
        guard let keys = PageToken.decode(marker, count: count) else { throw invalidMarker }
        return keys
    }

    static var invalidMarker: InvalidParameterValueException {
        InvalidParameterValueException("Invalid pagination token")
    }
}
