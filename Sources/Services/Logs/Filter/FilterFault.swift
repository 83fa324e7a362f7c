// SPDX-License-Identifier: Apache-2.0

/// What is wrong with a filter pattern, in AWS's words.
struct FilterFault: Error, Equatable {
    let message: String

    static let malformed = FilterFault(message: "Invalid filter pattern")

    static func characters(_ characters: some Sequence<UInt8>) -> FilterFault {
        FilterFault(message: "Invalid character(s) in term '\(String(decoding: Array(characters), as: UTF8.self))'")
    }

    static func unclosed(_ open: String, _ close: String) -> FilterFault {
        FilterFault(message: "If a filter pattern starts with '\(open)' it must end with '\(close)'")
    }
}
