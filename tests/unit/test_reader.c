/*
 * Event logs from files: every format, bad rows among good ones, and the facts that the READMEs of ../shared/data state.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <msgpack.h>
#include <zlib.h>

#include "bench/csv.h"
#include "bench/reader.h"
#include "core/hash.h"
#include "core/mp.h"

#define DATA_DIR STAGECOACH_SOURCE_DIR "/../shared/data/"

/* ---- files of one test ---- */

struct file {
    char path[64];
};

static struct file file_with(const char *text, size_t size)
{
    struct file file = {"/tmp/stagecoach-reader-XXXXXX"};
    int fd = mkstemp(file.path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, size), size);
    assert_int_equal(close(fd), 0);
    return file;
}

static struct file file_with_text(const char *text)
{
    return file_with(text, strlen(text));
}

static struct file file_gzipped(const char *text, size_t cut)
{
    struct file file = file_with_text("");
    gzFile gz = gzopen(file.path, "wb");
    assert_non_null(gz);
    assert_int_equal(gzwrite(gz, text, (unsigned)strlen(text)), strlen(text));
    assert_int_equal(gzclose(gz), Z_OK);
    FILE *stream = fopen(file.path, "rb");
    assert_non_null(stream);
    assert_int_equal(fseek(stream, 0, SEEK_END), 0);
    long size = ftell(stream);
    fclose(stream);
    assert_int_equal(truncate(file.path, size - (long)cut), 0);
    return file;
}

static struct reader *open_as(const char *path, const char *format)
{
    enum err rc;
    struct errinfo info;
    const struct reader_format *it = reader_format_find(format);
    assert_non_null(it);
    struct reader *reader = reader_open(path, it, &rc, &info);
    if (!reader)
        print_message("%s\n", info.text);
    assert_non_null(reader);
    assert_int_equal(rc, ERR_NONE);
    return reader;
}

/* What a file gives, a line a row: `ROW@LINE {json}` or `ROW@LINE ! error`, without the path in it. */
static char *all_rows(const char *path, const char *format)
{
    struct reader *reader = open_as(path, format);
    struct buf out;
    buf_init(&out);
    struct reader_row row;
    struct errinfo info;
    enum reader_result result;
    while ((result = reader_next(reader, &row, &info)) == READER_ROW || result == READER_BAD) {
        buf_printf(&out, "%" PRId64 "@%" PRId64 " ", row.row, row.line);
        assert_true((result == READER_BAD) == (row.error != NULL));
        if (result == READER_ROW) {
            mp_to_json(row.message, &out);
        } else {
            char at[100];
            snprintf(at, sizeof at, "%s:%" PRId64 ": ", path, row.line);
            assert_memory_equal(row.error, at, strlen(at));
            assert_int_equal(row.message.size, 0);
            buf_printf(&out, "! %s", row.error + strlen(at));
        }
        buf_add_char(&out, '\n');
    }
    if (result == READER_FAILED)
        buf_printf(&out, "failed%s", info.text + strlen(path));
    reader_close(reader);
    buf_add_char(&out, '\0');
    return out.data;
}

static void expect(struct file file, const char *format, const char *rows)
{
    char *got = all_rows(file.path, format);
    assert_string_equal(got, rows);
    free(got);
    assert_int_equal(unlink(file.path), 0);
}

static void expect_rows(const char *text, const char *format, const char *rows)
{
    expect(file_with_text(text), format, rows);
}

/* ---- formats ---- */

static void test_format_names(void **state)
{
    (void)state;
    struct buf names;
    buf_init(&names);
    for (size_t i = 0; i < reader_format_count; i++) {
        buf_printf(&names, "%s%s", i ? ", " : "", reader_formats[i].name);
        assert_ptr_equal(reader_format_find(reader_formats[i].name), &reader_formats[i]);
    }
    buf_add_char(&names, '\0');
    assert_string_equal(names.data, reader_format_names());
    assert_null(reader_format_find("csv"));
    assert_string_equal(reader_format_find("otto-jsonl")->schema, "otto");
    assert_null(reader_format_find("msgpack")->schema);
    buf_fini(&names);
}

static void test_jsonl_keeps_integers_and_reals_apart(void **state)
{
    (void)state;
    struct file file = file_with_text(
        "{\"i\":3,\"r\":3.0,\"n\":-9223372036854775808,\"t\":\"ก\",\"l\":[null,true]}");
    struct reader *reader = open_as(file.path, "segment-jsonl");
    struct reader_row row;
    struct errinfo info;
    assert_int_equal(reader_next(reader, &row, &info), READER_ROW);
    struct slice value;
    struct mp_token token;
    struct mp mp;
    assert_true(mp_well_formed(row.message));
    assert_true(mp_map_find(row.message, SLICE("i"), &value));
    mp = mp_of(value);
    assert_true(mp_read(&mp, &token) && token.kind == MP_INT && token.i == 3);
    assert_true(mp_map_find(row.message, SLICE("r"), &value));
    mp = mp_of(value);
    assert_true(mp_read(&mp, &token) && token.kind == MP_DOUBLE && token.d == 3.0);
    assert_true(mp_map_find(row.message, SLICE("n"), &value));
    mp = mp_of(value);
    assert_true(mp_read(&mp, &token) && token.kind == MP_INT && token.i == INT64_MIN);
    assert_true(mp_map_find(row.message, SLICE("l"), &value));
    assert_int_equal(value.size, 3);
    assert_int_equal(reader_next(reader, &row, &info), READER_END);
    reader_close(reader);
    unlink(file.path);
}

static void test_jsonl_reports_bad_lines_and_goes_on(void **state)
{
    (void)state;
    expect_rows("\xef\xbb\xbf{\"a\":1}\r\n"
                "\n"
                "{\"a\":\n"
                "[1]\n"
                "  {\"a\":2}  \n"
                "{\"a\":99999999999999999999}\n"
                "{\"a\":3} x\n"
                "{\"a\":\"\xff\"}\n"
                "{\"a\":\"\\u0000\",\"a\":4}",
                "segment-jsonl",
                "0@1 {\"a\":1}\n"
                "1@3 ! not JSON, at column 5: unexpected token near end of file\n"
                "2@4 ! not a JSON object\n"
                "3@5 {\"a\":2}\n"
                "4@6 ! not JSON, at column 25: too big integer near '99999999999999999999'\n"
                "5@7 ! not JSON, at column 9: end of file expected near 'x'\n"
                "6@8 ! not JSON, at column 6: unable to decode byte 0xff near '\"'\n"
                "7@9 {\"a\":4}\n");
}

static void test_empty_files_give_nothing(void **state)
{
    (void)state;
    expect_rows("", "segment-jsonl", "");
    expect_rows("\n\r\n \n", "ga4-jsonl", "");
    expect_rows("", "msgpack", "");
    expect_rows("", "otto-jsonl", "");
    expect_rows("", "taobao-csv", "");
    expect_rows("timestamp,visitorid,event,itemid,transactionid\n", "retailrocket-csv", "");
}

static void test_rees46(void **state)
{
    (void)state;
    expect_rows(
        "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_"
        "session\n"
        "2019-10-01 00:00:00 "
        "UTC,view,44600062,2103807459595387724,,shiseido,35.79,541312140,72d7\r\n"
        "2019-10-01 00:00:00 UTC,cart,1,2,a.b,\"x, \"\"y\"\"\n z\",5,7,\n"
        "2019-10-01 00:00:01 UTC,view,1,2,,,free,7,s\n"
        "2019-10-01 00:00:01 UTC,view,1\n"
        "2019-10-01 00:00:01 UTC,view,1,2,,5\" pipe,1e2,007,s\n"
        "2019-10-01 00:00:01 UTC,view,1,2,,\"a\"b,1,7,s\n"
        "2019-10-01 00:00:02 UTC,view,1,2,,,,7,s",
        "rees46-csv",
        "0@2 {\"event_time\":\"2019-10-01 00:00:00 "
        "UTC\",\"event_type\":\"view\",\"product_id\":44600062,"
        "\"category_id\":2103807459595387724,\"brand\":\"shiseido\",\"price\":35.79,\"user_id\":"
        "541312140,"
        "\"user_session\":\"72d7\"}\n"
        "1@3 {\"event_time\":\"2019-10-01 00:00:00 UTC\",\"event_type\":\"cart\",\"product_id\":1,"
        "\"category_id\":2,\"category_code\":\"a.b\",\"brand\":\"x, \\\"y\\\"\\n "
        "z\",\"price\":5,\"user_id\":7}\n"
        "2@5 ! price: 'free' is not a number\n"
        "3@6 ! 3 cells instead of 9\n"
        "4@7 {\"event_time\":\"2019-10-01 00:00:01 UTC\",\"event_type\":\"view\",\"product_id\":1,"
        "\"category_id\":2,\"brand\":\"5\\\" "
        "pipe\",\"price\":100,\"user_id\":\"007\",\"user_session\":\"s\"}\n"
        "5@8 ! there is text behind the closing quote of a cell\n"
        "6@9 {\"event_time\":\"2019-10-01 00:00:02 UTC\",\"event_type\":\"view\",\"product_id\":1,"
        "\"category_id\":2,\"user_id\":7,\"user_session\":\"s\"}\n");
}

/* Columns are found by name; optional ones may be missing, unknown ones come along as text. */
static void test_header_decides_the_order(void **state)
{
    (void)state;
    expect_rows(
        "\xef\xbb\xbfuser_id,shop,price,event_type,event_time,product_id\n7,12,3,view,T,1\n",
        "rees46-csv",
        "0@2 "
        "{\"user_id\":7,\"shop\":\"12\",\"price\":3,\"event_type\":\"view\",\"event_time\":\"T\","
        "\"product_id\":1}\n");
}

static void expect_refused(const char *text, const char *format, enum err code, const char *says)
{
    struct file file = file_with_text(text);
    struct errinfo info;
    enum err rc = ERR_NONE;
    assert_null(reader_open(file.path, reader_format_find(format), &rc, &info));
    assert_int_equal(rc, code);
    assert_memory_equal(info.text, file.path, strlen(file.path));
    assert_string_equal(info.text + strlen(file.path), says);
    unlink(file.path);
}

static void test_wrong_header_lines_are_refused(void **state)
{
    (void)state;
    expect_refused("", "rees46-csv", ERR_CONFIG,
                   ": is empty; rees46-csv begins with a header line");
    expect_refused("\n\na,b\n", "retailrocket-csv", ERR_CONFIG,
                   ":3: the header line has no column 'timestamp': this is not retailrocket-csv");
    expect_refused("timestamp,visitorid,event,event\n", "retailrocket-csv", ERR_CONFIG,
                   ":1: the header line has the column 'event' twice");
    expect_refused("timestamp,\"visitorid\n", "retailrocket-csv", ERR_CONFIG,
                   ":1: the header line: a quote is not closed");
}

static void test_files_that_can_not_be_opened(void **state)
{
    (void)state;
    struct errinfo info;
    enum err rc = ERR_NONE;
    assert_null(reader_open("/nowhere/at/all", reader_format_find("msgpack"), &rc, &info));
    assert_int_equal(rc, ERR_FATAL);
    assert_string_equal(info.text, "/nowhere/at/all: No such file or directory");
    char *got = all_rows("/tmp", "segment-jsonl");
    assert_string_equal(got, "failed: Is a directory");
    free(got);
}

static void test_retailrocket(void **state)
{
    (void)state;
    expect_rows(
        "timestamp,visitorid,event,itemid,transactionid\n"
        "1433221332117,257597,view,355908,\n"
        "1433222276276,599528,transaction,356475,4000\n"
        "soon,1,view,2,\n"
        "1433222276276.5,1,view,2,\n",
        "retailrocket-csv",
        "0@2 "
        "{\"timestamp\":1433221332117,\"visitorid\":257597,\"event\":\"view\",\"itemid\":355908}\n"
        "1@3 "
        "{\"timestamp\":1433222276276,\"visitorid\":599528,\"event\":\"transaction\",\"itemid\":"
        "356475,"
        "\"transactionid\":4000}\n"
        "2@4 ! timestamp: 'soon' is not a whole number\n"
        "3@5 ! timestamp: '1433222276276.5' is not a whole number\n");
}

static void test_taobao(void **state)
{
    (void)state;
    expect_rows(
        "1,2268318,2520377,pv,1511544070\n"
        "301780,543546,4181361,pv,15\n"
        "1,2,3,cart,99999999\n"
        "1,2,3,cart,999999999\n"
        "1,2,3,cart,99999999999\n"
        "1,2,3,cart,100000000000\n"
        "1,2,3,fav,-15115440\n"
        "1,2,3,buy\n",
        "taobao-csv",
        "0@1 "
        "{\"user\":1,\"item\":2268318,\"category\":2520377,\"behavior\":\"pv\",\"seconds\":"
        "1511544070}\n"
        "1@2 ! seconds: '15' is not Unix seconds, which have 9 to 11 digits\n"
        "2@3 ! seconds: '99999999' is not Unix seconds, which have 9 to 11 digits\n"
        "3@4 {\"user\":1,\"item\":2,\"category\":3,\"behavior\":\"cart\",\"seconds\":999999999}\n"
        "4@5 {\"user\":1,\"item\":2,\"category\":3,\"behavior\":\"cart\",\"seconds\":99999999999}\n"
        "5@6 ! seconds: '100000000000' is not Unix seconds, which have 9 to 11 digits\n"
        "6@7 ! seconds: '-15115440' is not Unix seconds\n"
        "7@8 ! 4 cells instead of 5\n");
}

/* Each event of a session is a row of its own, on the session's line. */
static void test_otto(void **state)
{
    (void)state;
    expect_rows("{\"session\":0,\"events\":[{\"aid\":1,\"ts\":1659304800025,\"type\":\"clicks\"},"
                "{\"aid\":2,\"ts\":1659304904511,\"type\":\"carts\"}]}\n"
                "{\"session\":1,\"events\":[]}\n"
                "{\"session\":2}\n"
                "{\"session\":3,\"events\":[5,{\"aid\":3,\"ts\":4,\"type\":\"orders\"}]}\n"
                "{\"session\"\n"
                "{\"session\":\"x\",\"events\":[{\"aid\":4}]}\n",
                "otto-jsonl",
                "0@1 {\"session\":0,\"aid\":1,\"ts\":1659304800025,\"type\":\"clicks\"}\n"
                "1@1 {\"session\":0,\"aid\":2,\"ts\":1659304904511,\"type\":\"carts\"}\n"
                "2@3 ! a session needs \"session\" and \"events\", a list\n"
                "3@4 ! event 1 is not a JSON object\n"
                "4@4 {\"session\":3,\"aid\":3,\"ts\":4,\"type\":\"orders\"}\n"
                "5@5 ! not JSON, at column 10: ':' expected near end of file\n"
                "6@6 {\"session\":\"x\",\"aid\":4}\n");
}

/* ---- msgpack ---- */

static void test_msgpack_messages_one_after_another(void **state)
{
    (void)state;
    const char bytes[] = "\x81\xa1"
                         "a\x01" /* {"a":1} */
                         "\x07"  /* not a map: the decoder's to refuse */
                         "\x81\xa1"
                         "b\x93\x01\xc0\xcb\x3f\xf0\0\0\0\0\0\0";
    expect(file_with(bytes, sizeof bytes - 1), "msgpack",
           "0@1 {\"a\":1}\n1@2 7\n2@3 {\"b\":[1,null,1]}\n");
}

static void test_msgpack_that_is_cut_off_or_none_ends_the_file(void **state)
{
    (void)state;
    expect(file_with("\x81\xa1"
                     "a\x01\x82\xa1"
                     "b",
                     7),
           "msgpack",
           "0@1 {\"a\":1}\n"
           "1@2 ! the file ends in the message that begins at byte 4; what follows it can't be "
           "found\n");
    expect(
        file_with("\x80\x81\xa1"
                  "a\xc1\x80",
                  6),
        "msgpack",
        "0@1 {}\n"
        "1@2 ! no msgpack in the message that begins at byte 1; what follows it can't be found\n");
    /* A count that nothing can hold is not waited for. */
    expect(
        file_with("\xdf\xff\xff\xff\xff\xa1"
                  "a",
                  7),
        "msgpack",
        "0@1 ! no msgpack in the message that begins at byte 0; what follows it can't be found\n");
    expect(
        file_with("\xdb\xff\xff\xff\xff\xa1"
                  "a",
                  7),
        "msgpack",
        "0@1 ! no msgpack in the message that begins at byte 0; what follows it can't be found\n");
}

/* Every kind of value in every encoding is measured as msgpack-c reads it: vectors of another project. */
static void test_msgpack_vectors_are_measured_like_msgpack_c(void **state)
{
    (void)state;
    const char *const paths[] = {DATA_DIR "msgpack-vectors/msgpack-ruby/cases.msg",
                                 DATA_DIR "msgpack-vectors/msgpack-ruby/cases_compact.msg"};
    for (size_t i = 0; i < 2; i++) {
        FILE *stream = fopen(paths[i], "rb");
        if (!stream) {
            print_message("skipped: %s is not there\n", paths[i]);
            skip();
        }
        static char bytes[65536];
        size_t size = fread(bytes, 1, sizeof bytes, stream), offset = 0;
        fclose(stream);
        struct reader *reader = open_as(paths[i], "msgpack");
        struct reader_row row;
        struct errinfo info;
        msgpack_unpacked unpacked;
        msgpack_unpacked_init(&unpacked);
        int count = 0;
        while (reader_next(reader, &row, &info) == READER_ROW) {
            size_t start = offset;
            assert_int_equal(msgpack_unpack_next(&unpacked, bytes, size, &offset),
                             MSGPACK_UNPACK_SUCCESS);
            assert_int_equal(row.message.size, offset - start);
            assert_memory_equal(row.message.data, bytes + start, offset - start);
            count++;
        }
        assert_int_equal(offset, size);
        assert_int_equal(count, 51);
        msgpack_unpacked_destroy(&unpacked);
        reader_close(reader);
    }
}

static void pack_anything(msgpack_packer *pk, unsigned *seed, int depth)
{
    static char text[70000];
    *seed = *seed * 1103515245u + 12345u;
    unsigned dice = *seed >> 16, size = dice % 3 ? dice % 40 : dice % 400 * (dice % 5 ? 1 : 170);
    switch (dice % (depth > 0 ? 9 : 6)) {
    case 0:
        msgpack_pack_int64(pk, (int64_t)*seed << (dice % 32));
        break;
    case 1:
        msgpack_pack_int64(pk, -((int64_t)*seed << (dice % 32)));
        break;
    case 2:
        msgpack_pack_double(pk, (double)*seed);
        break;
    case 3:
        msgpack_pack_str_with_body(pk, text, size);
        break;
    case 4:
        msgpack_pack_bin_with_body(pk, text, size);
        break;
    case 5:
        msgpack_pack_ext_with_body(pk, text, size, 5);
        break;
    case 6:
        msgpack_pack_nil(pk);
        break;
    case 7:
        msgpack_pack_array(pk, dice % 20);
        for (unsigned i = 0; i < dice % 20; i++)
            pack_anything(pk, seed, depth - 1);
        break;
    default:
        msgpack_pack_map(pk, dice % 20);
        for (unsigned i = 0; i < 2 * (dice % 20); i++)
            pack_anything(pk, seed, depth - 1);
        break;
    }
}

/* Messages of all sizes, also across the edges of what is read at a time. */
static void test_msgpack_messages_across_chunks(void **state)
{
    (void)state;
    struct buf bytes;
    buf_init(&bytes);
    msgpack_packer pk;
    msgpack_packer_init(&pk, &bytes, buf_pack_write);
    unsigned seed = 7;
    size_t ends[400];
    for (int i = 0; i < 400; i++) {
        pack_anything(&pk, &seed, 4);
        ends[i] = bytes.size;
    }
    assert_true(bytes.size > 1 << 20);
    struct file file = file_with(bytes.data, bytes.size);
    struct reader *reader = open_as(file.path, "msgpack");
    size_t start = 0;
    for (int i = 0; i < 400; i++) {
        struct reader_row row;
        struct errinfo info;
        assert_int_equal(reader_next(reader, &row, &info), READER_ROW);
        assert_int_equal(row.row, i);
        assert_int_equal(row.message.size, ends[i] - start);
        assert_memory_equal(row.message.data, bytes.data + start, ends[i] - start);
        start = ends[i];
    }
    struct reader_row row;
    struct errinfo info;
    assert_int_equal(reader_next(reader, &row, &info), READER_END);
    reader_close(reader);
    buf_fini(&bytes);
    unlink(file.path);
}

/* ---- gzip and large rows ---- */

static void test_gzip_is_read_as_it_is(void **state)
{
    (void)state;
    expect(file_gzipped("{\"a\":1}\n{\"a\":2}\n", 0), "segment-jsonl",
           "0@1 {\"a\":1}\n1@2 {\"a\":2}\n");
}

static void test_gzip_that_is_cut_off_fails_after_what_is_there(void **state)
{
    (void)state;
    expect(file_gzipped("{\"a\":1}\n{\"a\":2}\n", 4), "segment-jsonl",
           "0@1 {\"a\":1}\n1@2 {\"a\":2}\nfailed: the gzip file is cut off");
}

static void test_a_quote_that_is_never_closed_costs_its_line_only(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text);
    buf_add_text(&text, "1,\"2,3,pv,1511544070\n");
    while (text.size < 3u << 20)
        buf_add_text(&text, "1,2,3,pv,1511544070\n");
    size_t lines = text.size / 20;
    struct file file = file_with(text.data, text.size);
    struct reader *reader = open_as(file.path, "taobao-csv");
    struct reader_row row;
    struct errinfo info;
    assert_int_equal(reader_next(reader, &row, &info), READER_BAD);
    assert_string_equal(row.error + strlen(file.path), ":1: a quote is not closed");
    size_t count = 1;
    while (reader_next(reader, &row, &info) == READER_ROW) {
        assert_int_equal(row.row, count);
        assert_int_equal(row.line, count + 1);
        count++;
    }
    assert_int_equal(count, lines);
    reader_close(reader);
    unlink(file.path);

    const char *at_the_end = "1,2,3,pv,1511544070\n1,\"2,3,pv,1511544070\n1,2,3,pv,1511544071\n";
    expect_rows(
        at_the_end, "taobao-csv",
        "0@1 {\"user\":1,\"item\":2,\"category\":3,\"behavior\":\"pv\",\"seconds\":1511544070}\n"
        "1@2 ! a quote is not closed\n"
        "2@3 {\"user\":1,\"item\":2,\"category\":3,\"behavior\":\"pv\",\"seconds\":1511544071}\n");
    buf_fini(&text);
}

static void test_lines_that_are_too_long_are_reported_and_skipped(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text);
    buf_add_text(&text, "{\"a\":1}\n{\"a\":\"");
    size_t size = (size_t)17 << 20;
    memset(buf_reserve(&text, size), 'x', size);
    text.size += size;
    buf_add_text(&text, "\"}\n{\"a\":2}\n");
    expect(file_with(text.data, text.size), "segment-jsonl",
           "0@1 {\"a\":1}\n1@2 ! the line is longer than 16 MiB\n2@3 {\"a\":2}\n");
    text.data[text.size - 1] = ',';
    memcpy(text.data, "1,2,3,4\n", 8);
    memcpy(text.data + text.size - 9, "\n1,2,3,4\n", 9);
    expect(file_with(text.data, text.size), "taobao-csv",
           "0@1 ! 4 cells instead of 5\n1@2 ! the row is longer than 1 MiB\n2@3 ! 4 cells instead "
           "of 5\n");
    buf_fini(&text);
}

/* ---- CSV itself ---- */

static void test_csv_cells(void **state)
{
    (void)state;
    static const struct {
        const char *record, *cells; /* cells separated by | */
    } cases[] = {
        {"a,b,c\n", "a|b|c"},
        {"a,b,c\r\n", "a|b|c"},
        {",,", "||"},
        {"\"\",\"a\"", "|a"},
        {"\"a\"\"b\",c", "a\"b|c"},
        {"\"\"\"\"", "\""},
        {"\"a,b\",\"c\nd\"\r\n", "a,b|c\nd"},
        {"a\"b,c\"", "a\"b|c\""},
        {" \"a\",b", " \"a\"|b"},
    };
    struct buf scratch;
    buf_init(&scratch);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct slice record = slice_of(cases[i].record), cells[CSV_CELLS_MAX];
        size_t size, count;
        int64_t lines;
        assert_int_equal(csv_measure(record, true, &size, &lines), CSV_WHOLE);
        assert_int_equal(size, record.size);
        assert_null(csv_split(record, &scratch, cells, &count));
        char joined[100];
        int at = 0;
        for (size_t c = 0; c < count; c++)
            at += snprintf(joined + at, sizeof joined - (size_t)at, "%s%.*s", c ? "|" : "",
                           (int)cells[c].size, cells[c].data);
        assert_string_equal(joined, cases[i].cells);
    }
    buf_fini(&scratch);
}

/* Where more may come, a record ends at no earlier byte than where all of it is there. */
static void test_csv_measures_the_same_however_the_bytes_come(void **state)
{
    (void)state;
    struct slice text = SLICE("a,\"b\"\"\n,\"\"\",c\r\nd\n");
    size_t first = 15;
    for (size_t size = 0; size <= text.size; size++) {
        size_t measured;
        int64_t lines;
        enum csv_result result =
            csv_measure((struct slice){text.data, size}, false, &measured, &lines);
        assert_int_equal(result, size >= first ? CSV_WHOLE : CSV_MORE);
        if (result == CSV_WHOLE) {
            assert_int_equal(measured, first);
            assert_int_equal(lines, 2);
        }
    }
}

/* ---- the logs of ../shared/data ---- */

struct facts {
    int64_t rows, bad, users, wanted[3]; /* of `wanted`: events of these names */
    int64_t last_row;
    char error[256];
};

static int compare_hashes(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static int64_t count_different(uint64_t *hashes, size_t count)
{
    qsort(hashes, count, sizeof *hashes, compare_hashes);
    int64_t different = 0;
    for (size_t i = 0; i < count; i++)
        different += i == 0 || hashes[i] != hashes[i - 1];
    return different;
}

static bool read_facts(const char *path, const char *format, const char *user, const char *name,
                       const char *const wanted[3], struct facts *facts)
{
    if (access(path, R_OK) != 0) {
        print_message("skipped: %s is not there\n", path);
        return false;
    }
    static uint64_t users[100000];
    struct reader *reader = open_as(path, format);
    struct reader_row row;
    struct errinfo info;
    enum reader_result result;
    *facts = (struct facts){0};
    while ((result = reader_next(reader, &row, &info)) == READER_ROW || result == READER_BAD) {
        facts->last_row = row.row;
        if (result == READER_BAD) {
            facts->bad++;
            snprintf(facts->error, sizeof facts->error, "%s", row.error);
            continue;
        }
        struct slice value;
        assert_true(mp_map_find(row.message, slice_of(user), &value));
        users[facts->rows++] = hash_bytes(value);
        assert_true(mp_map_find(row.message, slice_of(name), &value));
        struct mp mp = mp_of(value);
        struct mp_token token;
        assert_true(mp_read(&mp, &token) && token.kind == MP_STR);
        for (int i = 0; i < 3; i++)
            facts->wanted[i] += slice_is(token.bytes, wanted[i]);
    }
    assert_int_equal(result, READER_END);
    facts->users = count_different(users, (size_t)facts->rows);
    reader_close(reader);
    return true;
}

static void test_facts_of_rees46(void **state)
{
    (void)state;
    struct facts facts = {0}; /* skip() does not return, which clang-tidy can't see */
    const char *const wanted[] = {"view", "cart", "purchase"};
    if (!read_facts(DATA_DIR "rees46-oct2019/user_behavior_sample.csv.gz", "rees46-csv", "user_id",
                    "event_type", wanted, &facts))
        skip();
    assert_int_equal(facts.rows, 4999);
    assert_int_equal(facts.bad, 0);
    assert_int_equal(facts.users, 1747);
    assert_int_equal(facts.wanted[0], 4895);
    assert_int_equal(facts.wanted[1], 50);
    assert_int_equal(facts.wanted[2], 54);
    assert_int_equal(facts.last_row, 4998);
}

static void test_facts_of_taobao_and_its_truncated_row(void **state)
{
    (void)state;
    struct facts facts = {0};
    const char *const wanted[] = {"pv", "cart", "buy"};
    const char *path = DATA_DIR "taobao-userbehavior/UserBehavior_even_users.csv.gz";
    if (!read_facts(path, "taobao-csv", "user", "behavior", wanted, &facts))
        skip();
    assert_int_equal(facts.rows, 48030);
    assert_int_equal(facts.users, 29376);
    assert_int_equal(facts.wanted[0], 42875);
    assert_int_equal(facts.wanted[1], 2596);
    assert_int_equal(facts.wanted[2], 1081);
    assert_int_equal(facts.bad, 1);
    assert_int_equal(facts.last_row, 48030);
    assert_string_equal(facts.error + strlen(path),
                        ":48031: seconds: '15' is not Unix seconds, which have 9 to 11 digits");
}

static void test_facts_of_otto(void **state)
{
    (void)state;
    struct facts facts = {0};
    const char *const wanted[] = {"clicks", "carts", "orders"};
    if (!read_facts(DATA_DIR "otto-sessions/sessions_even.jsonl.gz", "otto-jsonl", "session",
                    "type", wanted, &facts))
        skip();
    assert_int_equal(facts.rows, 547);
    assert_int_equal(facts.bad, 0);
    assert_int_equal(facts.users, 10);
    assert_int_equal(facts.wanted[0], 521);
    assert_int_equal(facts.wanted[1], 21);
    assert_int_equal(facts.wanted[2], 5);
}

static void test_facts_of_rudderstack(void **state)
{
    (void)state;
    struct facts facts = {0};
    const char *const wanted[] = {"track", "identify", "page"};
    if (!read_facts(DATA_DIR "rudderstack-messages/ga_messages.jsonl.gz", "segment-jsonl", "type",
                    "type", wanted, &facts))
        skip();
    assert_int_equal(facts.rows, 56);
    assert_int_equal(facts.bad, 0);
    assert_int_equal(facts.wanted[0], 42);
    assert_int_equal(facts.wanted[1], 8);
    assert_int_equal(facts.wanted[2], 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_format_names),
        cmocka_unit_test(test_jsonl_keeps_integers_and_reals_apart),
        cmocka_unit_test(test_jsonl_reports_bad_lines_and_goes_on),
        cmocka_unit_test(test_empty_files_give_nothing),
        cmocka_unit_test(test_rees46),
        cmocka_unit_test(test_header_decides_the_order),
        cmocka_unit_test(test_wrong_header_lines_are_refused),
        cmocka_unit_test(test_files_that_can_not_be_opened),
        cmocka_unit_test(test_retailrocket),
        cmocka_unit_test(test_taobao),
        cmocka_unit_test(test_otto),
        cmocka_unit_test(test_msgpack_messages_one_after_another),
        cmocka_unit_test(test_msgpack_that_is_cut_off_or_none_ends_the_file),
        cmocka_unit_test(test_msgpack_vectors_are_measured_like_msgpack_c),
        cmocka_unit_test(test_msgpack_messages_across_chunks),
        cmocka_unit_test(test_gzip_is_read_as_it_is),
        cmocka_unit_test(test_gzip_that_is_cut_off_fails_after_what_is_there),
        cmocka_unit_test(test_a_quote_that_is_never_closed_costs_its_line_only),
        cmocka_unit_test(test_lines_that_are_too_long_are_reported_and_skipped),
        cmocka_unit_test(test_csv_cells),
        cmocka_unit_test(test_csv_measures_the_same_however_the_bytes_come),
        cmocka_unit_test(test_facts_of_rees46),
        cmocka_unit_test(test_facts_of_taobao_and_its_truncated_row),
        cmocka_unit_test(test_facts_of_otto),
        cmocka_unit_test(test_facts_of_rudderstack),
    };
    return cmocka_run_group_tests_name("reader", tests, NULL, NULL);
}
