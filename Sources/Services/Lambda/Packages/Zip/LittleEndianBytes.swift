// SPDX-License-Identifier: Apache-2.0

/// Numbers at positions of a byte array. Every access is checked: positions come from a hostile file.
struct LittleEndianBytes {
    let bytes: [UInt8]

    var count: Int { bytes.count }

    func slice(_ start: Int, _ length: Int) throws -> ArraySlice<UInt8> {
        guard start >= 0, length >= 0, start <= count, length <= count - start else {
            throw PackageFault.broken("the archive ends too early")
        }
        return bytes[start..<(start + length)]
    }

    func uint16(_ position: Int) throws -> Int { Int(try number(position, 2)) }
    func uint32(_ position: Int) throws -> Int { Int(try number(position, 4)) }

    /// Numbers beyond 2⁶²−1 belong to no file that was uploaded.
    func uint64(_ position: Int) throws -> Int {
        let value = try number(position, 8)
        guard value < 1 << 62 else { throw PackageFault.broken("an offset or size is out of range") }
        return Int(value)
    }

    private func number(_ position: Int, _ length: Int) throws -> UInt64 {
        try slice(position, length).reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
}
