// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import codegen

@Suite("Generated code") struct GeneratorTests {
    @Test("an input names each member once, with its place and its limits")
    func input() throws {
        let text = try #require(files()["ShopInputs.swift"])
        #expect(
            text.contains(
                "struct PutItemInput: Shape {\n    var itemName = \"\"\n    var tags: [String]?\n    var kind = Kind(\"\")\n"
            )
        )
        #expect(text.contains("    static let shapeName = \"PutItemRequest\"\n"))
        #expect(text.contains("Field(\"ItemName\", .required, in: .path, length: 1...9, pattern: Patterns.name)"))
        #expect(
            text.contains(
                "Field(\"Tags\", .flattened, wire: \"tag\", of: [Field(\"member\", wire: \"T\", length: 0...4)])"
            )
        )
        #expect(text.contains("try c.enumeration(&kind, Field(\"Kind\", .required))"))
    }

    @Test("a shape that several operations share keeps its name, and each operation has a second name for it")
    func shared() throws {
        let outputs = try #require(files()["ShopOutputs.swift"])
        let structures = try #require(files()["ShopStructures.swift"])
        #expect(outputs.contains("typealias GetItemOutput = Item\n"))
        #expect(outputs.contains("typealias PutItemOutput = Item\n"))
        #expect(structures.contains("struct Item: Shape {"))
    }

    @Test("a structure inside itself is indirect")
    func recursion() throws {
        let structures = try #require(files()["ShopStructures.swift"])
        #expect(structures.contains("    var parent: Indirect<Item>?\n"))
        #expect(structures.contains("try c.indirect(&parent, Field(\"Parent\"))"))
    }

    @Test("an error has a message even where the model names none, and the values that AWS always sends")
    func errors() throws {
        let text = try #require(files()["ShopErrors.swift"])
        #expect(
            text.contains(
                "struct GoneException: ModelledError {\n    var message = \"\"\n    var type: String? = \"User\"\n"
            )
        )
        #expect(
            text.contains(
                "    static let errorCode = \"Gone\"\n    static let status = 410\n    static let isSenderFault = true\n"
            )
        )
        #expect(text.contains("try c.string(&message, Field(\"message\"))"))
    }

    @Test("operations that are not listed are named as not implemented")
    func unimplemented() throws {
        let text = try #require(files()["ShopModel.swift"])
        #expect(text.contains("UnimplementedOperation(\"DropItem\", \"DELETE\", \"/items\"),"))
        #expect(!text.contains("PutItem"))
    }

    @Test("an operation that the model lacks is refused")
    func unknownOperation() throws {
        #expect(throws: Failure.self) { try files(operations: #"["Missing"]"#) }
    }

    @Test("a service words broken constraints its own way, and may judge a member itself")
    func validation() throws {
        let files = try files(
            more: #""validation": {"code": "Odd", "hidesValues": true}, "judgedByService": ["PutItemRequest.Kind"]"#
        )
        let text = files.values.joined()
        #expect(text.contains(#"validation: ValidationStyle(code: "Odd", showsValues: false)"#))
        #expect(text.contains(#"c.enumeration(&kind, Field("Kind", [.required, .judgedByService]))"#))
        for wrong in [
            #""judgedByService": ["PutItemRequest.Sort"]"#, #""validation": {"code": "Odd", "shape": 1}"#,
            #""validation": {}"#,
        ] {
            #expect(throws: Failure.self) { try self.files(more: wrong) }
        }
    }

    private func files(
        operations: String = #"["GetItem", "PutItem"]"#,
        more: String = #""global": false"#
    ) throws -> [String: String] {
        let file = try ServiceFile(
            folder: "Shop",
            JSON.parse(
                Array(
                    """
                    {"service": "shop", "model": "shop/1", "operations": \(operations),
                     "errorDefaults": {"GoneException": {"Type": "User"}}, \(more)}
                    """.utf8
                )
            )
        )
        return try ServiceGenerator(selection: Selection(file, Model(JSON.parse(Array(model.utf8)))), version: "0")
            .files()
    }

    private let model = """
        {
          "metadata": {"protocol": "rest-json", "endpointPrefix": "shop", "apiVersion": "1"},
          "operations": {
            "PutItem": {"http": {"method": "PUT", "requestUri": "/items/{ItemName}"}, "input": {"shape": "PutItemRequest"},
                        "output": {"shape": "Item"}, "errors": [{"shape": "GoneException"}]},
            "GetItem": {"http": {"method": "GET", "requestUri": "/items"}, "output": {"shape": "Item"}},
            "DropItem": {"http": {"method": "DELETE", "requestUri": "/items"}}
          },
          "shapes": {
            "PutItemRequest": {"type": "structure", "required": ["ItemName", "Kind"], "members": {
              "ItemName": {"shape": "name", "location": "uri"},
              "Tags": {"shape": "TagList", "locationName": "tag"},
              "Kind": {"shape": "kind"}}},
            "Item": {"type": "structure", "members": {"Parent": {"shape": "Item"}}},
            "TagList": {"type": "list", "flattened": true, "member": {"shape": "Tag", "locationName": "T"}},
            "Tag": {"type": "string", "max": 4},
            "name": {"type": "string", "min": 1, "max": 9, "pattern": "[a-z]+"},
            "kind": {"type": "string", "enum": ["big", "small"]},
            "GoneException": {"type": "structure", "exception": true, "error": {"code": "Gone", "httpStatusCode": 410},
                              "members": {"Type": {"shape": "Tag"}}}
          }
        }
        """
}
