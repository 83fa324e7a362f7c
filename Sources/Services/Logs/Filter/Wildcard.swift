// SPDX-License-Identifier: Apache-2.0

/// Text in which an asterisk stands for any text. Takes time in proportion to the subject for each piece, never more.
struct Wildcard: Sendable, Equatable {
    /// What stands before, between and behind the asterisks; one piece where there is none.
    private(set) var pieces: [[UInt8]] = [[]]

    init() {}

    /// Without any asterisk that means more than itself.
    init(literal: [UInt8]) { pieces = [literal] }

    mutating func append(_ byte: UInt8) { pieces[pieces.count - 1].append(byte) }

    mutating func appendAsterisk() {
        // Two in a row say no more than one.
        if pieces.count > 1, pieces.last?.isEmpty == true { return }
        pieces.append([])
    }

    /// The text itself, where nothing in it is wild.
    var literal: [UInt8]? { pieces.count == 1 ? pieces[0] : nil }

    func matches(_ subject: ByteText) -> Bool {
        let first = pieces[0]
        guard pieces.count > 1, let last = pieces.last else { return subject.equals(first) }
        let end = subject.count - last.count
        guard first.count <= end, subject.hasPrefix(first), subject.hasSuffix(last) else { return false }
        let middle = subject[0..<end]
        var position = first.count
        for piece in pieces.dropFirst().dropLast() {
            guard let found = middle.find(piece, from: position) else { return false }
            position = found + piece.count
        }
        return true
    }
}
