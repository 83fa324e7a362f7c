// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import LinuxSystem

extension Session {
    /// A fid to read an extended attribute from, or, without a name, the list of their names.
    ///
    /// Shown are `user.…` and `security.capability`. Not the others: labels and lists of access rights speak of users and
    /// policies of the host, which mean something else to the client or nothing. Of links and special files there are none
    /// to be had without opening them.
    func walkToAttribute(_ body: MessageReader, _ reply: inout ReplyWriter) throws(Refusal) {
        var body = body
        var fid = try fids.get(try body.next())
        let newNumber = try body.next(UInt32.self)
        let name = try body.nextText()
        try body.end()
        guard !fid.isAttribute else { throw Refusal(EINVAL) }
        try fids.checkFree(newNumber)
        let bytes = try name.isEmpty ? attributeNames(of: fid) : attribute(name, of: fid)
        fid.use = .attribute(bytes)
        try fids.insert(fid, as: newNumber)
        try reply.put(UInt64(bytes.count))
    }

    private func attribute(_ name: UnsafeRawBufferPointer, of fid: Fid) throws(Refusal) -> [UInt8] {
        guard name.count <= NinePLimits.nameBytes else { throw Refusal(ERANGE) }
        guard Self.isShown(name), !name.contains(0) else { throw Refusal(ENODATA) }
        guard let bytes = try bytes(of: Array(name) + [0], of: fid) else { throw Refusal(ENODATA) }
        return bytes
    }

    /// Each with a zero byte after it.
    private func attributeNames(of fid: Fid) throws(Refusal) -> [UInt8] {
        guard let all = try bytes(of: nil, of: fid) else { return [] }
        return all.split(separator: 0).reduce(into: []) { names, name in
            guard name.withUnsafeBytes(Self.isShown) else { return }
            names += name + [0]
        }
    }

    private static func isShown(_ name: UnsafeRawBufferPointer) -> Bool {
        name.elementsEqual("security.capability".utf8) || name.starts(with: "user.".utf8)
    }

    /// Nil where a file of this kind has none that can be had.
    private func bytes(of name: [UInt8]?, of fid: Fid) throws(Refusal) -> [UInt8]? {
        if let open = fid.descriptor { return try Self.bytes(of: name, of: open) }
        let file: FileDescriptor
        switch try? openForReading(fid) {  // what may not be read shows no attributes, either
        case .file(let descriptor): file = descriptor
        case .directory(let directory): file = directory.descriptor
        case .attribute, .some(.none), nil: return nil
        }
        defer { file.close() }
        return try Self.bytes(of: name, of: file)
    }

    private static func bytes(of name: [UInt8]?, of file: FileDescriptor) throws(Refusal) -> [UInt8] {
        let size = Int(
            clamping: try Refusal.check(call(name, file, UnsafeMutableRawBufferPointer(start: nil, count: 0)))
        )
        guard size <= NinePLimits.attributeBytes else { throw Refusal(E2BIG) }
        guard size > 0 else { return [] }
        var result: Int64 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            result = call(name, file, UnsafeMutableRawBufferPointer(buffer))
            count = Int(clamping: max(0, result))
        }
        _ = try Refusal.check(result)
        return bytes
    }

    private static func call(
        _ name: [UInt8]?,
        _ file: FileDescriptor,
        _ buffer: UnsafeMutableRawBufferPointer
    ) -> Int64 {
        guard let name else { return martlet_read_attribute(file.number, nil, buffer.baseAddress, buffer.count) }
        return name.withUnsafeBufferPointer { bytes in
            bytes.withMemoryRebound(to: CChar.self) {
                martlet_read_attribute(file.number, $0.baseAddress, buffer.baseAddress, buffer.count)
            }
        }
    }
}
