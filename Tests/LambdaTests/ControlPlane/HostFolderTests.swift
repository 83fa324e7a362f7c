// SPDX-License-Identifier: Apache-2.0
import MartletCore
import Testing

@testable import Lambda

@Suite("Directories of the host for functions") struct HostFolderTests {
    private let scope = Scope(account: .local, region: .usEast1)

    @Test("a mount is named by an access point's id, its ARN, or any word")
    func names() throws {
        let id = try #require(HostFolder("fsap-0123456789abcdef0=/srv/data"))
        #expect(
            id.accessPoint == "fsap-0123456789abcdef0" && id.path == "/srv/data" && !id.isReadOnly && id.scope == nil
        )
        let word = try #require(HostFolder("models=/srv/models:ro"))
        #expect(word.isReadOnly && word.path == "/srv/models")
        #expect(word == HostFolder("models=/srv/models:ro"))
        #expect(HostFolder.accessPoint(of: word.arn(in: scope)) == word.accessPoint)
        let full = try #require(
            HostFolder("arn:aws:elasticfilesystem:eu-west-1:111111111111:access-point/fsap-0123456789abcdef0=/a=b")
        )
        #expect(full.scope?.account.text == "111111111111" && full.path == "/a=b")
    }

    @Test(
        "what is no mount is refused",
        arguments: [
            "", "data", "=/srv", "data=", "data=srv", "data=/", "data=:ro", "data=/:ro", "data=/srv/../etc", "a b=/srv",
            "arn:aws:elasticfilesystem:us-east-1:1:access-point/fsap-0123456789abcdef0=/srv",
            "arn:aws:s3:::bucket=/srv",
        ]
    )
    func noMount(text: String) { #expect(HostFolder(text) == nil) }

    @Test("a function mounts what its own account and region are given")
    func owners() throws {
        let other = Scope(account: try #require(AccountID("111111111111")), region: .usEast1)
        let (all, one) = (try #require(HostFolder("all=/srv/all")), "fsap-0123456789abcdef0")
        let own = try #require(HostFolder("\(other.arn("elasticfilesystem", "access-point/\(one)"))=/srv/own"))
        let folders = HostFolders([all, own])
        #expect(folders.folder(all.arn(in: scope), for: scope) == all)
        #expect(folders.folder(all.arn(in: other), for: other) == all)
        #expect(folders.folder(all.arn(in: other), for: scope) == nil)
        #expect(folders.folder(own.arn(in: other), for: other) == own)
        #expect(folders.folder(own.arn(in: scope), for: scope) == nil)
    }
}
