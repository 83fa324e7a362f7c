// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import LinuxSystem

extension Session {
    /// A fid for the root of an export, which the client names.
    func attach(_ body: MessageReader, _ reply: inout ReplyWriter) throws(Refusal) {
        var body = body
        let number = try body.next(UInt32.self)
        let authentication = try body.next(UInt32.self)
        _ = try body.nextText()  // the user's name: everybody sees the same
        let name = try body.nextText()
        _ = try body.next(UInt32.self)  // the user's number
        try body.end()
        guard authentication == FidTable.none else { throw Refusal(EBADF) }
        try fids.checkFree(number)
        let root = try root(named: name)
        let qid = try status(of: ExportPath(), in: root).qid(shared.qids)
        try fids.insert(Fid(root: root, path: ExportPath(), qid: qid), as: number)
        try reply.put(qid)
    }

    private func root(named name: UnsafeRawBufferPointer) throws(Refusal) -> ExportRoot {
        guard let export = shared.exports.first(where: { name.elementsEqual($0.name.utf8) }) else {
            throw Refusal(ENOENT)
        }
        if let known = roots[export.name] { return known }
        let root = try ExportRoot(export)
        roots[export.name] = root
        return root
    }

    /// Steps from a file to one below it, or above: the client learns of each step, as far as they lead, and gets the fid
    /// only at the end of all.
    func walk(_ body: MessageReader, _ reply: inout ReplyWriter) throws(Refusal) {
        var body = body
        let number = try body.next(UInt32.self)
        let newNumber = try body.next(UInt32.self)
        let count = Int(try body.next(UInt16.self))
        try check(names: count, of: body)
        var fid = try fids.get(number)
        // Linux steps from fids that are open, too; the new one is not.
        guard !fid.isAttribute, newNumber != number || !fid.isOpen else { throw Refusal(EINVAL) }
        if newNumber != number { try fids.checkFree(newNumber) }
        fid.use = .none
        let steps = try walk(&fid, count, body, &reply)
        guard steps == count else { return }
        if newNumber == number {
            try fids.replace(number, with: fid)
        } else {
            try fids.insert(fid, as: newNumber)
        }
    }

    private func check(names count: Int, of body: MessageReader) throws(Refusal) {
        guard count <= NinePLimits.walkElements else { throw Refusal(EINVAL) }
        var body = body
        for _ in 0..<count { _ = try body.nextText() }
        try body.end()
    }

    /// Returns the steps that were possible. Throws when not even the first was.
    private func walk(
        _ fid: inout Fid,
        _ count: Int,
        _ names: MessageReader,
        _ reply: inout ReplyWriter
    ) throws(Refusal) -> Int {
        var names = names
        var steps: [Qid] = []
        for _ in 0..<count {
            do throws(Refusal) {
                try step(&fid, to: try names.nextText())
                steps.append(fid.qid)
            } catch {
                guard !steps.isEmpty else { throw error }
                break
            }
        }
        try reply.put(UInt16(truncatingIfNeeded: steps.count))
        for qid in steps { try reply.put(qid) }
        return steps.count
    }

    private func step(_ fid: inout Fid, to name: UnsafeRawBufferPointer) throws(Refusal) {
        guard fid.qid.kind == .directory else { throw Refusal(ENOTDIR) }
        if ExportPath.isParent(name) {
            fid.path.removeLast()
        } else {
            try fid.path.append(name)
        }
        fid.qid = try status(of: fid.path, in: fid.root).qid(shared.qids)
    }

    private func status(of path: ExportPath, in root: ExportRoot) throws(Refusal) -> FileStatus {
        let file = try root.open(path, flags: FileDescriptor.pathOnly)
        defer { file.close() }
        return try FileStatus(of: file)
    }
}
