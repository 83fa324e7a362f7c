import HTTPTypes
import MartletCore
import NIOCore
import Testing

// SPDX-License-Identifier: Apache-2.0
@testable import AWSWire
@testable import IAM
@testable import STS

@Suite("The Query protocol on the wire")
struct QueryGoldenTests {
    private let codec = ServiceModel.iam.codec(.query)

    private func request(_ body: String) -> WireRequest {
        var request = WireRequest(method: "POST", path: "/", body: .buffer(ByteBuffer(string: body)))
        request.headers[.contentType] = "application/x-www-form-urlencoded"
        return request
    }

    private func createRole(_ body: String) throws -> CreateRoleInput {
        let prefix = "Action=CreateRole&Version=2010-05-08&AssumeRolePolicyDocument=%7B%7D&RoleName=r&"
        let input = try codec.readInput(of: IAMOperations.createRole.binding, from: request(prefix + body))
        return try #require(input as? CreateRoleInput)
    }

    @Test("a form's dotted names are lists of structures")
    func request() throws {
        let input = try createRole(
            "Tags.member.1.Key=a&Tags.member.1.Value=%C3%A9+%2B&Tags.member.2.Key=b&Tags.member.2.Value="
        )
        #expect(input.assumeRolePolicyDocument == "{}")
        #expect(input.tags?.map(\.key) == ["a", "b"])
        #expect(input.tags?.map(\.value) == ["é +", ""])
        #expect(input.path == nil)
    }

    @Test("numbers order a list, whatever the order of the form, and gaps close")
    func listOrder() throws {
        let input = try createRole(
            "Tags.member.10.Key=c&Tags.member.10.Value=&Tags.member.2.Key=b&Tags.member.2.Value=&Tags.1.Key=x&Tags.1.Value="
        )
        #expect(input.tags?.map(\.key) == ["b", "c"])
    }

    @Test("a list without the word in between is read, and an empty one too")
    func otherLists() throws {
        #expect(try createRole("Tags.1.Key=a&Tags.1.Value=v").tags?.map(\.key) == ["a"])
        #expect(try createRole("Tags=").tags?.count == 0)
    }

    @Test(
        "malformed numbers are the client's mistake",
        arguments: ["MaxSessionDuration=x", "MaxSessionDuration=", "MaxSessionDuration=99999999999999999999"]
    )
    func malformed(body: String) throws {
        let error = try #require(throws: CommonError.self) { try createRole(body) }
        #expect(error.code == "MalformedInput")
        #expect(error.httpStatus == 400)
    }

    @Test("a name that nests without end is refused")
    func deepNames() throws {
        let name = String(repeating: "a.", count: 100_000)
        let error = try #require(throws: CommonError.self) { try createRole("\(name)=1") }
        #expect(error.code == "MalformedInput")
    }

    @Test("a form with too many parameters is refused, not cut short")
    func manyParameters() throws {
        let error = try #require(throws: CommonError.self) {
            try createRole((0..<FormItems.maximumItems).map { "a\($0)=" }.joined(separator: "&"))
        }
        #expect(error.code == "MalformedInput")
    }

    @Test("a client writes such forms")
    func clientRequest() throws {
        var input = CreateRoleInput()
        input.roleName = "r"
        input.assumeRolePolicyDocument = "{\"a\":1}"
        var tag = IAM.Tag()
        tag.key = "k"
        tag.value = "v w"
        input.tags = [tag]
        let request = try codec.writeInput(input, of: IAMOperations.createRole.binding)
        #expect(
            request.body.text
                == "Action=CreateRole&Version=2010-05-08&RoleName=r&AssumeRolePolicyDocument=%7B%22a%22%3A1%7D"
                + "&Tags.member.1.Key=k&Tags.member.1.Value=v%20w"
        )
        #expect(request.headers[.contentType] == "application/x-www-form-urlencoded; charset=utf-8")
    }

    @Test("an answer is wrapped twice and ends with the request's id")
    func response() throws {
        var output = GetCallerIdentityOutput()
        output.userId = "AIDA<&>"
        output.account = "123456789012"
        let response = try ServiceModel.sts.codec(.query)
            .writeOutput(output, of: STSOperations.getCallerIdentity.binding, requestID: "id-1")
        #expect(response.status == 200)
        #expect(response.headers[.contentType] == "text/xml")
        #expect(
            response.body.text
                == #"<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>"#
                + "<UserId>AIDA&lt;&amp;&gt;</UserId><Account>123456789012</Account></GetCallerIdentityResult>"
                + "<ResponseMetadata><RequestId>id-1</RequestId></ResponseMetadata></GetCallerIdentityResponse>"
        )
    }

    @Test("an answer without output has the metadata alone")
    func emptyResponse() throws {
        let response = try codec.writeOutput(DeleteRoleOutput(), of: IAMOperations.deleteRole.binding, requestID: "i")
        #expect(
            response.body.text
                == #"<DeleteRoleResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><ResponseMetadata>"#
                + "<RequestId>i</RequestId></ResponseMetadata></DeleteRoleResponse>"
        )
    }

    @Test("lists, dates and structures nest as elements")
    func nestedResponse() throws {
        var output = ListRolesOutput()
        var role = Role()
        role.roleName = "r"
        role.createDate = Instant(milliseconds: 1_700_000_000_000)
        role.tags = []
        output.roles = [role]
        output.isTruncated = false
        let body = try codec.writeOutput(output, of: IAMOperations.listRoles.binding, requestID: "i").body.text
        #expect(
            body?.contains(
                "<Roles><member><Path></Path><RoleName>r</RoleName><RoleId></RoleId><Arn></Arn>"
                    + "<CreateDate>2023-11-14T22:13:20Z</CreateDate><Tags></Tags></member></Roles><IsTruncated>false</IsTruncated>"
            ) == true
        )
    }

    @Test("an error names its sender")
    func errors() {
        let response = codec.writeError(NoSuchEntityException("The role <r> cannot be found."), requestID: "id-2")
        #expect(response.status == 404)
        #expect(
            response.body.text
                == #"<ErrorResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><Error><Type>Sender</Type>"#
                + "<Code>NoSuchEntity</Code><Message>The role &lt;r&gt; cannot be found.</Message></Error>"
                + "<RequestId>id-2</RequestId></ErrorResponse>"
        )
        let common = codec.writeError(CommonError.internalFailure, requestID: "i")
        #expect(common.status == 500)
        #expect(common.body.text?.contains("<Type>Receiver</Type><Code>InternalFailure</Code>") == true)
    }
}

@Suite("Flattened lists and maps of forms and XML")
struct FlattenedTests {
    private struct Holder: Shape {
        var list: [String]?
        var flatList: [String]?
        var map: [String: Int]?
        var flatMap: [String: String]?
        static let shapeName = "Holder"

        mutating func code(_ c: any ShapeCoder) throws {
            try c.list(&list, Field("List", of: [Field("item")]))
            try c.list(&flatList, Field("FlatList", .flattened))
            try c.map(&map, Field("Map"))
            try c.map(&flatMap, Field("Attribute", .flattened, of: [Field("Name"), Field("Value")]))
        }
    }

    private let filled = Holder(list: ["a", "b"], flatList: ["c", "d"], map: ["x": 1], flatMap: ["n": "v", "m": "w"])

    @Test("forms")
    func forms() throws {
        let writer = QueryWriter(FormItems())
        var holder = filled
        try holder.code(writer)
        #expect(
            writer.form.encoded
                == "List.item.1=a&List.item.2=b&FlatList.1=c&FlatList.2=d&Map.entry.1.key=x&Map.entry.1.value=1"
                + "&Attribute.1.Name=m&Attribute.1.Value=w&Attribute.2.Name=n&Attribute.2.Value=v"
        )
        var read = Holder()
        try read.code(QueryReader(FormTree(writer.form), ReadingNotes()))
        #expect(try dump(read) == dump(filled))
    }

    @Test("XML")
    func xml() throws {
        let writer = XMLWriter()
        var holder = filled
        try writer.element("Holder") { try holder.code(writer) }
        let text = String(buffer: writer.buffer)
        #expect(
            text == "<Holder><List><item>a</item><item>b</item></List><FlatList>c</FlatList><FlatList>d</FlatList>"
                + "<Map><entry><key>x</key><value>1</value></entry></Map>"
                + "<Attribute><Name>m</Name><Value>w</Value></Attribute><Attribute><Name>n</Name><Value>v</Value></Attribute></Holder>"
        )
        var read = Holder()
        try read.code(XMLReader(XMLDocument(Array(text.utf8)), at: XMLDocument.root, ReadingNotes()))
        #expect(try dump(read) == dump(filled))
    }
}
